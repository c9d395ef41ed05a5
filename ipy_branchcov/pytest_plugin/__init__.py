"""``pytest --branchcov``: the options (:mod:`.plugin`) and the measured run (:mod:`.run`)."""
