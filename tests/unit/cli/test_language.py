"""The command line speaks the language that is wanted, its help included."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sololine.actions import conflicts
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


TWO_CONFLICTS = """\
userId,botName,phoneNumber,status,lastConnectedAt
user1@example.com,Ventas,573001234567,CONNECTED,2025-11-03T10:30:00Z
user2@example.com,Soporte,573001234567,DISCONNECTED,2025-11-02T17:15:00Z
user3@example.com,Tienda,573009876543,,2025-11-02T17:15:00Z
user4@example.com,Taller,573009876543,,
user5@example.com,Caja,573005555555,,
"""

DETECTED = """\
DETECTANDO CONFLICTOS DE WHATSAPP

Total de conexiones: 5

SE ENCONTRARON 2 CONFLICTOS:

Número: 573001234567
   Conexiones duplicadas: 2

   1. Usuario: user1@example.com
      - Bot: Ventas (BOT)
      - Estado: CONNECTED, según lo importado
      - Última conexión: 2025-11-03 10:30 UTC

   2. Usuario: user2@example.com
      - Bot: Soporte (BOT)
      - Estado: DISCONNECTED, según lo importado
      - Última conexión: 2025-11-02 17:15 UTC

Número: 573009876543
   Conexiones duplicadas: 2

   1. Usuario: user3@example.com
      - Bot: Tienda (BOT)
      - Estado: DISCONNECTED, según lo importado
      - Última conexión: 2025-11-02 17:15 UTC

   2. Usuario: user4@example.com
      - Bot: Taller (BOT)
      - Estado: DISCONNECTED, según lo importado
      - Última conexión: desconocida
"""

RESOLVED = """\
RESOLVIENDO CONFLICTOS DE WHATSAPP

Resolviendo conflicto para número: 573001234567
   Manteniendo: user1@example.com (BOT)
   Desconectando: user2@example.com (BOT)
   Conflicto resuelto

Resolviendo conflicto para número: 573009876543
   Manteniendo: user3@example.com (BOT)
   Desconectando: user4@example.com (BOT)
   Conflicto resuelto

RESOLUCIÓN COMPLETADA

Resumen:
   - Conflictos resueltos: 2
   - Conexiones desconectadas: 2
   - Conexiones mantenidas: 2
"""


@pytest.mark.usefixtures("spanish")
def test_reports_of_conflicts_have_the_lines_of_the_first_document(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conflicts, "SETTLED_WITHIN_S", 0)
    file = tmp_path / "bots.csv"
    file.write_text(TWO_CONFLICTS)

    def shown(*words: str) -> str:
        return re.sub(r"bot_[0-9a-z]{20}", "BOT", run(*words).stdout)

    imported = shown("import", str(file), "--yes")
    assert "\n2 NÚMEROS ESTARÍAN EN CONFLICTO:\n" in imported
    assert "- Bot: Ventas (nuevo)\n" in imported
    assert shown("conflicts", "detect") == DETECTED
    assert shown("conflicts", "resolve") == RESOLVED
    assert "\nNO SE ENCONTRARON CONFLICTOS\n" in shown("conflicts", "detect")


@pytest.mark.usefixtures("spanish")
def test_mistakes_of_a_file_are_told_line_by_line_in_the_language(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "bots.csv"
    file.write_text("userId,phoneNumber\n,34600111222\neva,none\n")

    assert run("import", str(file)).stderr == (
        "Línea 2: Falta userId. Indica el usuario al que pertenece el bot.\n"
        "Línea 3: El número contiene letras. Envía solo dígitos, y ninguna extensión: WhatsApp no "
        "las conoce.\n"
        "No se ha importado nada. Corrige el archivo e inténtalo de nuevo.\n"
    )


@pytest.mark.usefixtures("spanish")
def test_a_database_address_that_is_none_is_told_in_the_language(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOLOLINE_DATABASE_URL", "mysql://localhost/x")

    assert run("stats").stderr.startswith("sololine no funciona con 'mysql'")


@pytest.mark.usefixtures("spanish", "data_dir")
def test_backups_are_told_of_in_the_language_whatever_fails(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOLOLINE_BACKUP_PASSPHRASE", "correct horse battery")
    good, other = tmp_path / "good", tmp_path / "other"
    other.write_text("something else")

    taken = run("backup", "--all", "--out", str(good))
    assert taken.output == (
        f"{good} está escrito. Guarda su frase de contraseña en otro sitio: sin ella, nadie abre "
        "el archivo.\n"
    )
    assert run("restore", str(other)).stderr == (
        f"{other}: esto no es una copia de seguridad de Sololine.\n"
    )
    monkeypatch.setenv("SOLOLINE_BACKUP_PASSPHRASE", "wrong horse battery")
    assert run("restore", str(good)).stderr == (
        f"{good}: la frase de contraseña no es la que se usó al hacer la copia de seguridad.\n"
    )
