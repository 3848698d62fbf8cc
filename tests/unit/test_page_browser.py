"""The page as a browser shows it: figures equal to `report.json`, no error, no request, in time."""

import html
import json
import re
import shutil
import subprocess

import pytest

from simmm.report import write
from simmm.report.files import PAGE_NAME
from tests.page_fields import shown_fields, value_at
from tests.unit.account_fixture import account_run
from tests.unit.report_fixture import START, S, drawn_run, write_run

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no chromium, chromium-browser or google-chrome to open the page with"
)


# Nothing is painted while a document is written out, so frames are asked of the clock instead.
ACTIONS = """<script>
window.requestAnimationFrame = (draw) => setTimeout(draw, 0);
const root = document.documentElement;
const stack = document.querySelector(".stack");
const key = (name) => stack.dispatchEvent(new KeyboardEvent("keydown", {key: name}));
const point = (type, x, more) => {
  const box = stack.querySelector("canvas").getBoundingClientRect();
  stack.dispatchEvent(new PointerEvent(type, {clientX: box.left + x, clientY: box.top + 60,
    bubbles: true, button: 0, pointerId: 1, ...more}));
};
const zoomed = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() =>
  done([...document.querySelectorAll(".stack")].map((s) => +s.classList.contains("zoomed")).join("")
))));
(async () => {
  key("+"); root.dataset.plus = await zoomed();
  key("0"); root.dataset.home = await zoomed();
  point("pointerdown", 150); point("pointermove", 220); point("pointerup", 220);
  root.dataset.drag = await zoomed();
  stack.dispatchEvent(new MouseEvent("dblclick", {bubbles: true}));
  root.dataset.double = await zoomed();
  stack.dispatchEvent(new WheelEvent("wheel", {deltaY: -50, ctrlKey: true, bubbles: true,
    cancelable: true, clientX: stack.getBoundingClientRect().left + 200}));
  root.dataset.wheel = await zoomed();
  let hints = 0;
  for (let x = 60; x < 330 && !hints; x += 12) {
    for (let y = 0; y < 300 && !hints; y += 15) {
      const box = stack.querySelector("canvas").getBoundingClientRect();
      stack.dispatchEvent(new PointerEvent("pointermove", {clientX: box.left + x,
        clientY: box.top + y, bubbles: true}));
      const hint = stack.querySelector(".hint");
      if (hint.style.display === "block" && /ahead at join/.test(hint.textContent)) hints += 1;
    }
  }
  root.dataset.hints = String(hints);
  const table = simmm.charts.course.csv();
  root.dataset.csv = table.map((one) => one.rows.length).join(" ");
  root.dataset.quoted = simmm.csv({columns: ["a"], rows: [['x,"y']]}).split("\\n")[1];
  window.dispatchEvent(new Event("beforeprint"));
  root.dataset.printed = root.dataset.theme;
  window.dispatchEvent(new Event("afterprint"));
  document.getElementById("theme").click();
  root.dataset.wide = String(root.scrollWidth - window.innerWidth);
  root.dataset.done = "1";
})();
</script>"""


def opened(path, profile, width=1200):
    """The document after its scripts ran, as the browser writes it out."""
    assert BROWSER is not None
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
             "--disable-background-networking", "--disable-component-update",
             "--proxy-server=127.0.0.1:9", f"--window-size={width},900",
             "--virtual-time-budget=20000"]  # fmt: skip
    found = subprocess.run(
        [BROWSER, *flags, f"--user-data-dir={profile}", "--dump-dom", path.as_uri()],
        capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    return found.stdout.decode()


def root_of(dom):
    return dict(re.findall(r'data-([a-z]+)="([^"]*)"', dom[: dom.index("<head>")]))


def number(text):
    """A figure as shown, and half of its last digit: how near it must be."""
    plain = text.replace("\N{MINUS SIGN}", "-").replace(",", "").replace("+", "").strip()
    share = plain.endswith("%")
    plain = plain.removesuffix("%").strip()
    mantissa, _, power = plain.partition("e")
    scale = 10.0 ** int(power or 0) / (100 if share else 1)
    decimals = len(mantissa.partition(".")[2])
    return float(mantissa) * scale, 0.5000001 * 10.0**-decimals * scale


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    truth = {"sigma": 2.6e-5, "kappa": 9000.0, "A": 0.8}
    folder = account_run(
        tmp_path_factory.mktemp("browser") / "run", seconds=5400, tape={"truth": truth}
    )
    write(folder)
    dom = opened(folder / PAGE_NAME, tmp_path_factory.mktemp("profile"))
    return dom, json.loads((folder / "report.json").read_bytes())


def test_the_page_runs_without_an_error(seen):
    dom, _ = seen
    root = root_of(dom)
    assert "error" not in root, root.get("error")
    assert root["ready"] == "1"
    assert 0 < float(root["milliseconds"]) < 5000  # well below one second on a quiet machine


def test_the_figures_shown_are_those_of_the_report(seen):
    dom, report = seen
    compared = set()
    for path, _, text in shown_fields(dom):
        node = value_at(report, path)
        if node is None:
            assert text == "–", path
        elif not re.search(r"[a-zµ]", text.replace("e", "")):
            value, reach = number(text)
            assert abs(value - node) <= reach, (path, text, node)
            compared.add(path)
    assert {"profit.net.value", "profit.net.low", "profit.parts.1.amount", "risk.sharpe_day",
            "fills.count", "hours.1.net", "calibration.0.coverage", "place.ways.0.fills",
            "reliability.predicted", "fees.lines.0.paid"} <= compared  # fmt: skip
    assert len(compared) > 60
    sentence = re.search(r'data-field="verdict.sentences.0">([^<]*)<', dom)
    assert html.unescape(sentence.group(1)) == report["verdict"]["sentences"][0]


def test_the_scripts_read_every_fill_and_the_final_equity(seen):
    dom, report = seen
    course = re.search(r"<figure[^>]*data-chart=\"course\"[^>]*>", dom).group(0)
    assert f'data-fills="{report["fills"]["count"]}"' in course
    last = float(re.search(r'data-last="([^"]*)"', course).group(1))
    assert last == pytest.approx(report["profit"]["net"]["value"], abs=1e-3)
    for name in ("markouts", "queue", "place", "waits", "pace", "fees", "latency"):
        figure = dom[dom.index(f'data-chart="{name}"') :]
        assert figure.index("<svg") < figure.index("</figure>"), name
    assert dom.count(">CSV</button>") == dom.count("data-chart=") + dom.count("data-table=")


def test_a_page_without_a_fill_opens(tmp_path):
    rows = {
        "equity": [{"ts": START + k * S, "mid2": 200_000, "own_bid": 99_990, "own_ask": 100_010,
                    "best_bid": 99_995, "best_ask": 100_005} for k in range(100)],
        "mids": [{"ts": START, "mid2": 200_000}],
    }  # fmt: skip
    folder = write_run(tmp_path / "run", rows, mid2=200_000, seconds=100)
    write(folder)
    root = root_of(opened(folder / PAGE_NAME, tmp_path / "profile"))
    assert root.get("ready") == "1"
    assert "error" not in root, root.get("error")


@pytest.mark.parametrize("width", [400, 1600])
def test_zooming_hints_data_and_theme_work_at_any_width(width, tmp_path):
    folder = drawn_run(tmp_path / "run", seconds=1800)
    write(folder)
    text = (folder / PAGE_NAME).read_text()
    (tmp_path / "acted.html").write_text(text.replace("</body>", f"{ACTIONS}</body>"))
    root = root_of(opened(tmp_path / "acted.html", tmp_path / "profile", width))
    assert "error" not in root, root.get("error")
    assert root["done"] == "1"
    # both time charts of the page (course, beliefs) share the view
    assert (root["plus"], root["home"], root["drag"]) == ("11", "00", "11")
    assert (root["double"], root["wheel"]) == ("00", "11")
    assert root["hints"] == "1"
    count = json.loads((folder / "report.json").read_bytes())["fills"]["count"]
    assert root["csv"].split()[1] == str(count)
    assert html.unescape(root["quoted"]) == '"x,""y"'
    assert root["printed"] == "light"
    assert root["theme"] in ("light", "dark")
    assert int(root["wide"]) <= 0, "the page scrolls sideways"
