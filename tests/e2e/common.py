"""What the end-to-end tests share: the program (HADAL), runs of it, and a folder for each test."""
import os
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HADAL = os.environ.get("HADAL", str(ROOT / "build/release/hadal"))
BUILTIN = str(ROOT / "assets/builtin")
# A sanitizer's own memory and slowness are no finding; its reports end the program with another code.
SANITIZED = "release" not in pathlib.Path(HADAL).resolve().parts


def run(*args: str, stdin: str = "", timeout: float = 120, **kwargs) -> subprocess.CompletedProcess:
    return subprocess.run([HADAL, *args], input=stdin, capture_output=True, text=True, timeout=timeout, **kwargs)


def commands(words: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every subcommand that --help names, with those below it."""
    below, listing = [], False
    for line in run(*words, "--help").stdout.splitlines():
        if listing and line.startswith("  ") and not line.startswith("   "):
            below += commands((*words, line.split()[0]))
        listing = listing and line.startswith(" ") or line == "Subcommands:"
    return [words, *below] if words else below


class Case(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="hadal-e2e-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def copy_of_builtin(self) -> pathlib.Path:
        model = self.folder / "model"
        model.mkdir()
        for file in pathlib.Path(BUILTIN).iterdir():
            (model / file.name).write_bytes(file.read_bytes())
        return model

    def expect(self, code: int, *args: str, **kwargs) -> subprocess.CompletedProcess:
        """Runs and checks the exit code; a run that fails says why on stderr and nothing on stdout."""
        done = run(*args, **kwargs)
        self.assertEqual(done.returncode, code, f"hadal {' '.join(args)}\n{done.stderr}")
        if code != 0:
            self.assertEqual(done.stdout, "")
            self.assertNotEqual(done.stderr.strip(), "")
        return done
