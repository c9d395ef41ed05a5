"""Record which edges running code takes. Knows nothing of what an edge means.

``tracer`` is the protocol, ``choice`` picks one of these five mechanisms. A mechanism proves two things: an edge (a
test jumped, or fell through) and a line (it ran). "Cost" is the CPU time of measured code relative to unmeasured code,
as geometric mean and worst of 12 to 16 workloads, once each edge has been taken: figures of the first prototypes, to
compare the mechanisms. README has today's.

Python 3.11: probes that vanish (:mod:`.py311`)
    In the code: on each edge that means something a probe, which adds a number to a set among the constants; one more
    probe for each straight piece of code whose lines no edge proves, and around it an exception handler that notes in
    the same set where an exception left the piece. A thread then rewrites the instruction in front of a probe that was
    passed in memory, so that the next pass jumps over it.
    Proof of an edge: its number is in the set. Of a line: a probe behind it was passed, or an exception came from below
    it.
    Cost: 1.08 / 1.23. Falls back to settrace for code that cannot be instrumented, that others compiled
    and ``exec`` runs, and for generators that were suspended when the run began.

Python 3.12 and 3.13: split edges (:mod:`.py312`)
    In the code: each *critical* edge (two exits at its source, two ways into its target) gets an instruction of its
    own: a NOP or a jump. Then every edge has an instruction that runs if and only if the edge is taken.
    Proof of an edge: the INSTRUCTION event of that instruction, switched off at its first hit. Of a line: the
    INSTRUCTION event of any of its instructions. Cost: 1.03 / 1.24, 1.00 / 1.10 on 3.13. Falls back to BRANCH events,
    which stay on until both exits were seen (2.4 / 17), for code that it meets uninstrumented.

Python 3.14 and later: branch events (:mod:`.py314`)
    In the code: nothing, but in code in which values are observed (below), which is split as on 3.12. Proof of an edge:
    BRANCH_RIGHT for a jump, INSTRUCTION of what follows for a fall-through; both are switched off at the first hit. Of
    a line: the INSTRUCTION events. Cost: 0.98 / 1.08. No fall-back.

Counting, with ``counts``, on every Python (:mod:`.probes`)
    In the code: on each edge that means something a probe, which is a constant ``itertools.count`` and a FOR_ITER over
    it. Proof of an edge, and its hits: how far the count went. Lines are proved as above: by vanishing probes on 3.11,
    by INSTRUCTION events later. Cost: 1.1 to 1.2. Falls back to events that stay on (and to settrace on 3.11).

Values of conditions that nothing tests (the last operand of ``return a and b``), on every Python (:mod:`.probes.cells`)
    In the code: where the operand's value is complete, instructions that compare a copy of it with True and with False
    by identity. Proof of each outcome: as of an edge. Code that runs uninstrumented: its frame's stack is read at the
    event that follows (:mod:`.stack_values`).

settrace, on request on every Python (:mod:`.settrace`)
    In the code: nothing. Proof of an edge: two opcode events that follow each other in a frame, counted. Of a line: the
    opcode events. Cost: 36 to 80. It is the reference to which the others are compared.

Code is instrumented before it runs: when it is compiled by the shell, when its module is imported
(:mod:`.imports`), and by swapping the code object of a function that exists already (:mod:`.probes.functions`).
Threads. These things rely on the interpreter's lock (the GIL) or on the atomicity of single operations on dictionaries:
callbacks update dictionaries and sets of their tracer without a lock (``setdefault`` where two threads may come first);
without counts a lost update costs nothing, because an edge is recorded as 1. Exact counts of events that stay on
(``edges[edge] += 1``) can lose hits without the GIL; probes that count do not (``itertools.count``, one FOR_ITER).
3.11 alone writes into code objects from a thread (``py311.one_shot``), 3.12 from a callback (``superinstructions``);
neither has a build without the GIL. Functions that instrumented code made are found by ``sys.getrefcount`` of their
code, compared with known references (``registry.HOLDERS``), which are counted without a lock: after a lost update all
objects are searched, or a function keeps its instrumented code. ``gc_control`` switches the collector for all threads
while a callback runs.

State that outlives a run: ``probes.registry`` (which code is instrumented), ``probes.swapped`` (which functions had
instrumented code), ``probes.functions`` (what is suspended in it, which tracers run), ``probes.readers`` (functions
lent to picklers and compilers, ``marshal``'s functions), ``py311.arrivals`` and ``probes.readers`` (audit hooks).
"""
