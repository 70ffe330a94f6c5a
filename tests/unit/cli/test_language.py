"""The command line speaks the language that is wanted, its help included."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sololine.cli.checks import machine
from sololine.cli.language import wanted
from sololine.cli.output import speak
from sololine.languages import Language
from tests.unit.cli.conftest import Run
from tests.unit.cli.fake_service import FakeService

PROGRAM = Path(sys.executable).with_name("sololine")


def sololine(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as people do, in a terminal of this environment."""
    kept = {name: value for name, value in os.environ.items() if name != "LANGUAGE"}
    return subprocess.run(
        [PROGRAM, *words],
        env={**kept, "COLUMNS": "200", "LC_ALL": "", "LANG": "C.UTF-8", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def spanish() -> Iterator[None]:
    speak(Language.SPANISH)
    yield
    speak(Language.ENGLISH)


@pytest.fixture
def indonesian() -> Iterator[None]:
    speak(Language.INDONESIAN)
    yield
    speak(Language.ENGLISH)


@pytest.mark.parametrize(
    ("words", "language"),
    [
        (["--lang", "pt", "bot", "list"], Language.PORTUGUESE),
        (["--lang=id", "--help"], Language.INDONESIAN),
        (["--help", "--lang", "pt"], Language.PORTUGUESE),
        (["bot", "list"], Language.SPANISH),
        (["phone", "send", "--lang", "pt"], Language.SPANISH),
        (["--lang", "klingon", "bot"], Language.SPANISH),
        (["--lang"], Language.SPANISH),
        ([], Language.SPANISH),
    ],
)
def test_the_option_goes_before_the_terminal(words: list[str], language: Language) -> None:
    assert wanted(words, {"LANG": "es_CO.UTF-8"}) is language


def test_a_terminal_of_another_language_is_spoken_english_to() -> None:
    assert wanted(["bot"], {"LANG": "de_DE.UTF-8"}) is Language.ENGLISH


def test_help_is_in_the_language_with_its_headings() -> None:
    told = sololine("--lang", "es", "phone", "devices", "--help").stdout

    assert "Lista los dispositivos vinculados de un teléfono" in told
    assert "El número del teléfono, por ejemplo +34600111222." in told
    assert "Muestra este mensaje y termina." in told
    for heading in ("Argumentos", "Opciones", "[obligatorio]"):
        assert heading in told


def test_help_is_in_the_language_of_the_terminal() -> None:
    assert "Menjalankan" not in sololine("--help").stdout
    assert "Jalankan layanan" in sololine("--help", LANG="id_ID.UTF-8").stdout
    assert "Executa o serviço" in sololine("--help", LANGUAGE="pt_BR:en").stdout


def test_a_wrong_word_is_refused_in_the_language() -> None:
    done = sololine("--lang", "pt", "conect")

    assert done.returncode == 2
    assert "Não existe o comando 'conect'." in done.stderr
    assert "para ver a ajuda" in done.stderr


def test_a_language_that_nobody_speaks_is_refused() -> None:
    done = sololine("--lang", "de", "version")

    assert (done.returncode, done.stdout) == (2, "")
    assert "'de'" in done.stderr


def test_a_wrong_setting_is_told_in_the_language() -> None:
    done = sololine("--lang", "es", "serve", SOLOLINE_PORT="eighty")

    assert done.returncode == 1
    assert (
        done.stderr == "SOLOLINE_PORT es incorrecto: el valor debe ser un número entero válido.\n"
    )


@pytest.mark.usefixtures("indonesian")
def test_the_service_is_asked_to_answer_in_the_language(run: Run, service: FakeService) -> None:
    service.answers("POST", "/api/v1/whatsapp/connect/bot_1", {"message": "Pindai QR."})
    service.answers("GET", "/whatsapp/phones/34600111222/devices", {"devices": []})

    told = run("bot", "connect", "bot_1").output
    none = run("phone", "devices", "+34600111222").output

    assert told == "Pindai QR.\n"
    assert none == "Tidak ada perangkat tertaut.\n"
    assert service.languages == ["id", "id"]


@pytest.mark.usefixtures("indonesian")
def test_what_is_wrong_on_the_command_line_is_told_in_the_language(run: Run) -> None:
    result = run("phone", "add", "me")

    assert result.exit_code == 2
    assert "tulis nomor dengan kode negaranya" in result.output


@pytest.mark.usefixtures("spanish")
def test_the_doctor_speaks_the_language_and_his_codes_stay(
    run: Run, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir.mkdir(mode=0o755)
    lacking = machine._LOAD.replace("library_file()", "__import__('pathlib').Path('gone.so')")
    monkeypatch.setattr(machine, "_LOAD", lacking)

    lines = run("doctor").stdout.splitlines()
    told = json.loads(run("doctor", "--json").stdout)["findings"]

    remedy = f"Ejecuta `chmod 700 {data_dir}`: quien lo lea puede actuar como cualquier bot."
    folder = next(index for index, line in enumerate(lines) if "data folder" in line)
    assert lines[folder] == (
        "failed   data folder   otros usuarios de esta máquina pueden mirar en "
        f"{data_dir} (modo 0755)"
    )
    assert lines[folder + 1].strip() == remedy
    assert told[2] == {
        "check": "data folder",
        "says": lines[folder].partition("data folder   ")[2],
        "state": "failed",
        "remedy": remedy,
    }
    engine = next(each for each in told if each["check"] == "engine")
    assert engine["says"] == "gone.so no se puede cargar"
