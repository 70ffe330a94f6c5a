"""What `deploy/` holds fits the product: commands, variables, paths, ports and metrics exist.

No container is built here and no Prometheus runs; docs/howto/deploy.md says so.
"""

import configparser
import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import combinations
from pathlib import Path
from typing import Any

import httpx2
import pytest
import typer
import yaml
from prometheus_client.parser import text_string_to_metric_families

import dev
from sololine.assembly import assembled, keyring_of
from sololine.cli import app as command_line
from sololine.settings import Settings
from sololine.web.health import STORE
from tests.docs.pages import ROOT
from tests.docs.test_docs import table

DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "systemd/sololine.service"
DOCKERFILE = DEPLOY / "docker/Dockerfile"
COMPOSE = DEPLOY / "docker/compose.yaml"
DASHBOARD = DEPLOY / "grafana/sololine.json"
ALERTS = DEPLOY / "prometheus/alerts.yml"
SCRAPE = DEPLOY / "prometheus/prometheus.yml"
FROM_PROMETHEUS = {"up"}
FROM_A_SCRAPE = {"instance", "job"}
COMMANDS = set(typer.main.get_command(command_line).commands)  # type: ignore[attr-defined]  # a group


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


# ---------------------------------------------------------------------- variables


@pytest.mark.parametrize(
    "file",
    [path for path in sorted(DEPLOY.rglob("*")) if path.is_file()],
    ids=lambda path: path.name,
)
def test_every_variable_that_is_named_is_a_setting(file: Path) -> None:
    named = set(re.findall(r"SOLOLINE_[A-Z_]+", read(file)))

    assert named <= {f"SOLOLINE_{name.upper()}" for name in Settings.model_fields}


@pytest.mark.parametrize("folder", ["systemd", "docker"])
def test_no_secret_comes_filled_in(folder: str) -> None:
    (example,) = (DEPLOY / folder).glob("*.env.example")
    secret = re.compile(r"^(?!#)\w*(KEY|PASSWORD|TOKEN)=(.+)$", re.MULTILINE)

    assert not secret.search(read(example))
    assert re.search(r"^#? ?SOLOLINE_METRICS_KEY=$", read(example), re.MULTILINE)


# ---------------------------------------------------------------------- systemd


def unit() -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment, method-assign]  # as its docs say
    parsed.read(UNIT)
    return parsed


def test_the_unit_starts_a_command_that_there_is() -> None:
    program, word = unit()["Service"]["ExecStart"].split()

    assert program.endswith("/.venv/bin/sololine")
    assert word in COMMANDS


def test_the_units_folder_is_the_data_folder_and_private() -> None:
    service = unit()["Service"]

    assert f"SOLOLINE_DATA_DIR=/var/lib/{service['StateDirectory']}" == service["Environment"]
    assert (service["StateDirectoryMode"], service["UMask"]) == ("0700", "0077")


def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    """Where it is not installed, that sections and keys can be read is all we know."""
    assert unit().sections() == ["Unit", "Service", "Install"]
    analyze = shutil.which("systemd-analyze")
    if analyze is not None:
        copy = tmp_path / UNIT.name
        copy.write_text(read(UNIT).replace("/opt/sololine/.venv/bin/sololine", "/bin/true"))
        done = subprocess.run(
            [analyze, "verify", "--man=no", str(copy)], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")


# ---------------------------------------------------------------------- Docker


def steps(word: str) -> list[str]:
    """What follows a word of the Dockerfile, each time it occurs, on one line."""
    joined = read(DOCKERFILE).replace("\\\n", " ")
    return [line.split(maxsplit=1)[1] for line in joined.splitlines() if line.startswith(word)]


def test_what_the_image_copies_is_there_and_let_through() -> None:
    let_through = read(DOCKERFILE.with_name("Dockerfile.dockerignore")).splitlines()
    assert "*" in let_through
    sources = [
        source for copy in steps("COPY") if "--from" not in copy for source in copy.split()[:-1]
    ]

    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert f"!{source}" in let_through, source


def test_the_image_has_a_python_and_the_uv_that_we_use() -> None:
    (tag,) = re.findall(r"^ARG PYTHON=(\d+)\.(\d+)-slim-bookworm$", read(DOCKERFILE), re.MULTILINE)

    assert (int(tag[0]), int(tag[1])) in dev.PYTHONS
    assert any(f"uv=={dev.UV_PINNED}" in step for step in steps("RUN"))


def test_the_image_runs_the_service_as_nobody_special() -> None:
    assert steps("USER") == ["sololine"]
    assert json.loads(steps("ENTRYPOINT")[0]) == ["sololine"]
    (word,) = json.loads(steps("CMD")[0])
    assert word in COMMANDS
    (env,) = [step for step in steps("ENV") if "SOLOLINE_" in step]
    assert f"SOLOLINE_PORT={steps('EXPOSE')[0]}" in env
    assert f"SOLOLINE_DATA_DIR={steps('VOLUME')[0]}" in env


@pytest.fixture
def asked() -> Iterator[tuple[int, list[str]]]:
    """A server that is alive: its port, and the paths that it was asked for."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port, paths
        server.shutdown()
        thread.join()


def test_the_health_check_asks_whether_the_process_is_alive(
    asked: tuple[int, list[str]],
) -> None:
    port, paths = asked
    (check,) = steps("HEALTHCHECK")
    _, *words = json.loads(check.partition("CMD ")[2])
    environment = {"SOLOLINE_PORT": str(port)}

    alive = subprocess.run([sys.executable, *words], env=environment, check=False)
    environment["SOLOLINE_PORT"] = "1"
    dead = subprocess.run(
        [sys.executable, *words], env=environment, check=False, capture_output=True
    )

    assert (alive.returncode, paths) == (0, ["/health/live"])
    assert dead.returncode == 1


def test_the_composed_services_fit_together() -> None:
    composed = yaml.safe_load(read(COMPOSE))
    services, service = composed["services"], composed["services"]["sololine"]

    assert (COMPOSE.parent / service["build"]["context"]).resolve() == ROOT
    assert (ROOT / service["build"]["dockerfile"]) == DOCKERFILE
    assert set(service["depends_on"]) == {"postgres", "redis"} == set(services) - {"sololine"}
    for name, how in service["depends_on"].items():
        assert how["condition"] != "service_healthy" or "healthcheck" in services[name]
    used = {each.partition(":")[0] for each in service["volumes"] + services["postgres"]["volumes"]}
    assert used == set(composed["volumes"])
    assert service["volumes"][0].partition(":")[2] == steps("VOLUME")[0]
    assert service["ports"] == [f"127.0.0.1:8080:{steps('EXPOSE')[0]}"]
    assert (COMPOSE.parent / f"{service['env_file']}.example").exists()
    postgres = services["postgres"]["environment"]
    url = service["environment"]["SOLOLINE_DATABASE_URL"]
    assert url.startswith(f"postgresql://{postgres['POSTGRES_USER']}:{'${POSTGRES_PASSWORD'}")
    assert url.endswith(f"@postgres/{postgres['POSTGRES_DB']}")
    assert f'version = "{service["image"].partition(":")[2]}"' in read(ROOT / "pyproject.toml")


# ---------------------------------------------------------------------- Prometheus and Grafana


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(data_dir=tmp_path_factory.mktemp("deploy"), api_key="k")


async def exported(settings: Settings) -> tuple[set[str], set[str]]:
    """The names of all series that a service exports, and of all their labels."""
    async with (
        assembled(settings) as app,
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app),
            base_url="http://sololine",
            headers={"x-api-key": keyring_of(settings).bootstrap},
        ) as client,
    ):
        await client.get("/health/live")
        text = await client.get(yaml.safe_load(read(SCRAPE))["scrape_configs"][0]["metrics_path"])
    names, labels = set[str](), {"outcome", "state"}  # of tries that nobody has made yet
    for family in text_string_to_metric_families(text.text):
        names |= {
            f"{family.name}{ending}"
            for ending in {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(
                family.type, ("",)
            )
        }
        labels |= {label for sample in family.samples for label in sample.labels}
    return names, labels


def panels() -> list[dict[str, Any]]:
    return [each for each in json.loads(read(DASHBOARD))["panels"] if each["type"] != "row"]


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(read(ALERTS))["groups"]
    return group["rules"]


EXPRESSIONS = {
    **{
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in panels()
        for target in panel["targets"]
    },
    **{rule["alert"]: rule["expr"] for rule in rules()},
}


async def test_every_metric_and_label_that_is_looked_at_is_exported(settings: Settings) -> None:
    names, labels = await exported(settings)

    for place, expression in EXPRESSIONS.items():
        bare = re.sub(r'"[^"]*"', '""', expression)
        used = set(re.findall(r"\b(?:sololine|process)_\w+|\bup\b", bare))
        assert used, place
        assert used <= names | FROM_PROMETHEUS, place
        grouped = {
            each.strip() for by in re.findall(r"by \(([^)]*)\)", bare) for each in by.split(",")
        }
        matched = set(re.findall(r"(\w+)(?:=~|!=|!~|=)\"", bare))
        assert grouped | matched <= labels | FROM_A_SCRAPE, place


async def test_every_metric_is_explained_and_no_other(settings: Settings) -> None:
    names, _ = await exported(settings)
    ours = {
        re.sub("_(bucket|sum|count)$", "", name).removeprefix("sololine_")
        for name in names
        if name.startswith("sololine_")
    }

    assert set(table("howto/operate.md", "metric, after `sololine_`")) == ours


async def test_every_part_that_tells_its_health_is_explained_and_no_other(
    settings: Settings,
) -> None:
    async with assembled(settings) as app:
        assert set(table("howto/operate.md", "part")) == {STORE, *app.state.parts}


def test_expressions_have_all_their_brackets() -> None:
    for place, expression in EXPRESSIONS.items():
        for opening, closing in ("()", "[]", "{}"):
            assert expression.count(opening) == expression.count(closing), place


def test_operators_are_called_for_what_only_they_can_mend() -> None:
    called = " ".join(rule["expr"] for rule in rules())

    for what in (
        'reason="credentials_in_use"',
        'reason="engine_outdated"',
        "sololine_deliveries_overdue_seconds",
        'sololine_part_up{part="store"} == 0',
    ):
        assert what in called
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"].endswith(".")
        assert rule["annotations"]["remedy"].endswith(".")


def test_the_scrape_reads_the_rules_and_brings_a_key() -> None:
    scrape = yaml.safe_load(read(SCRAPE))
    (job,) = scrape["scrape_configs"]

    assert scrape["rule_files"] == [ALERTS.name]
    assert job["job_name"] == "sololine"
    assert job["authorization"]["type"] == "Bearer"


def test_no_panel_of_the_dashboard_lies_on_another() -> None:
    everything = json.loads(read(DASHBOARD))["panels"]
    assert len({each["id"] for each in everything}) == len(everything)

    def corners(panel: dict[str, Any]) -> tuple[int, int, int, int]:
        at = panel["gridPos"]
        return at["x"], at["y"], at["x"] + at["w"], at["y"] + at["h"]

    for one, other in combinations(everything, 2):
        left, top, right, bottom = corners(one)
        left2, top2, right2, bottom2 = corners(other)
        apart = right <= left2 or right2 <= left or bottom <= top2 or bottom2 <= top
        assert apart, (one["title"], other["title"])
        assert right <= 24
