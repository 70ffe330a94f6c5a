import subprocess
import sys


def test_a_worker_carries_no_tables_of_numbers_and_no_protobuf() -> None:
    """There is one for every bot: what it does not need costs as often."""
    program = "import sys, sololine.engine.worker; print(*sys.modules)"
    loaded = subprocess.run(
        (sys.executable, "-c", program), capture_output=True, text=True, check=True
    ).stdout.split()
    assert "sololine.engine.worker" in loaded
    heavy = ("phonenumbers", "google", "asyncio", "cryptography", "sololine.engine.port")
    assert [name for name in loaded if name.startswith(heavy)] == []
    wire = {name for name in loaded if name.startswith("sololine.wire.")}
    assert wire == {"sololine.wire.errors", "sololine.wire.fields"}
