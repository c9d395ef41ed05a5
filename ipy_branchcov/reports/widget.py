"""The interactive view in a live notebook: what a kernel sends, and one ES module draws (anywidget)."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any, Protocol

import anywidget
import traitlets
from ipywidgets import Widget, widget_serialization

from ipy_branchcov.reports.live_view import View, Wanted
from ipy_branchcov.reports.view_data import FoundView, PlaceView, ViewData

_STATIC = Path(__file__).parent / "static"


class Code(Widget):
    """The front end's module and style sheet. All widgets of a kernel share one, so that it is saved once, too."""

    code = traitlets.Unicode().tag(sync=True)
    style = traitlets.Unicode().tag(sync=True)

    _shared: Code | None = None

    @classmethod
    def shared(cls) -> Code:
        """The one that is alive, or a new one."""
        if cls._shared is None or cls._shared.comm is None:
            code, style = ((_STATIC / name).read_text("utf-8") for name in ("widget.js", "branchcov.css"))
            cls._shared = cls(code=code, style=style)
        return cls._shared


class Finder(Protocol):
    """Looks for inputs of missed outcomes."""

    def begin(self, name: str, wanted: Wanted, answer: Answer) -> None:
        """Begin a search. ``name``: what it is stopped by."""

    def stop(self, name: str) -> None:
        """End a search; its answer is what was found until then. Nothing happens where there is none."""


class Answer(Protocol):
    """Takes how far a search is, in words, and when it has ended the call that was found, and the code of a cell."""

    def __call__(self, words: str, *, ended: bool, call: str = "", cell: str = "") -> None: ...


class CoverageWidget(anywidget.AnyWidget):
    """Shows a :class:`View` in the place of an HTML record, or where the widget is displayed.

    A displayed widget is saved as a reference that cannot be resolved the next day ("model not found"), and viewers
    prefer it to the HTML beside it. A widget that is not displayed is not saved: as long as it exists, its front end
    draws the view in the place of the record with the class ``record``, and the record is saved.

    A front end can save the state of all widgets. So this is small: ``data`` is packed, sources that are folded are
    sent when they are asked for, and so are the values of first hits, which may be secrets.
    """

    _esm = """
    const read = async ({ model }) => {
      const made = await model.widget_manager.get_model(model.get("shared").replace("IPY_MODEL_", ""));
      const page = (window[Symbol.for("ipy_branchcov.modules")] ??= new Map());
      const code = made.get("code");
      if (!page.has(code)) {
        const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
        page.set(code, import(address).finally(() => URL.revokeObjectURL(address)));
        document.head.append(Object.assign(document.createElement("style"), { textContent: made.get("style") }));
      }
      return (await page.get(code)).default;
    };
    export default {
      initialize: async (context) => (await read(context)).initialize(context),
      render: async (context) => (await read(context)).render(context),
    };
    """
    data = traitlets.Unicode().tag(sync=True)
    record = traitlets.Unicode().tag(sync=True)
    #: The cell that shows it, as a front end names it, or "".
    cell = traitlets.Unicode().tag(sync=True)
    shared = traitlets.Instance(Code).tag(sync=True, **widget_serialization)

    def __init__(self, shown: View, *, record: str = "", cell: str = "", finder: Finder | None = None):
        """``record``: the HTML that it replaces. ``finder``: looks for inputs of what was missed."""
        self.shown, self._finder = shown, finder
        self._searches: set[str] = set()
        super().__init__(data=packed(shown.data()), record=record, cell=cell, shared=Code.shared())
        self.on_msg(self._answer)

    def show(self, shown: View, *, record: str) -> None:
        """Show another view from now on."""
        self.shown = shown
        with self.hold_sync():
            self.data, self.record = packed(shown.data()), record

    def close(self) -> None:
        """Remove it from the page; nobody waits for its searches any more."""
        for name in self._searches:
            self._stop(name)
        super().close()

    def _answer(self, widget: object, message: object, buffers: object) -> None:
        """Do what a view asks for: a source and the values of its first hits, or an input."""
        match message:
            case {"view": str(name), "source": int(number), "known": bool(known)} if number in range(self.shown.count):
                for answer in self.shown.answers(name, number, known=known):
                    self.send(answer)
            case {"view": str(name), "find": {"source": int(source), "mark": int(mark), "outcome": int(outcome)}}:
                self._find(name, {"source": source, "mark": mark, "outcome": outcome})
            case {"view": str(name), "stop": {"source": int(source), "mark": int(mark), "outcome": int(outcome)}}:
                self._stop(_search(name, {"source": source, "mark": mark, "outcome": outcome}))

    def _find(self, view: str, place: PlaceView) -> None:
        wanted = self.shown.wanted(place)
        if self._finder is None or wanted is None:
            return

        def answer(words: str, *, ended: bool, call: str = "", cell: str = "") -> None:
            found: FoundView = {
                "view": view,
                "place": place,
                "ended": ended,
                "words": words,
                "call": call,
                "cell": cell,
            }
            self.send(found)

        name = _search(view, place)
        self._searches.add(name)
        self._finder.begin(name, wanted, answer)

    def _stop(self, name: str) -> None:
        if self._finder is not None:
            self._finder.stop(name)


def _search(view: str, place: PlaceView) -> str:
    """The name of the search for an outcome of a view."""
    return f"{view} {place['source']} {place['mark']} {place['outcome']}"


def bundle(widget: CoverageWidget) -> dict[str, Any]:
    """The MIME bundle that makes a front end draw a widget, without a memory address in its text."""
    reference = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    return {"application/vnd.jupyter.widget-view+json": reference, "text/plain": "branchcov: interactive view"}


def packed(data: ViewData) -> str:
    """The data as JSON, compressed, in base64."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode("utf-8", "surrogatepass"))).decode()
