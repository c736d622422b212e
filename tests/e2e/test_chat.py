"""hadal chat through a pseudo-terminal, as a person meets it, and line by line, as a script does."""
import fcntl
import json
import os
import pathlib
import pty
import select
import subprocess
import termios
import time
import unittest

from common import BUILTIN, HADAL, Case, run

PATIENCE_S = 60
PROMPT = b"> "


class Person:
    """A chat in a terminal of its own."""

    def __init__(self, *args: str):
        self.master, self.slave = pty.openpty()
        self.mode = termios.tcgetattr(self.slave)
        environment = {**os.environ, "TERM": "xterm-256color"}
        environment.pop("NO_COLOR", None)
        self.process = subprocess.Popen([HADAL, "chat", BUILTIN, "-t", "1", "--seed", "3", *args], stdin=self.slave, stdout=self.slave,
                                        stderr=self.slave, env=environment, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.seen = b""
        self.until(PROMPT)

    def until(self, text: bytes) -> bytes:
        """Waits for the text; returns what came before and with it."""
        end = time.monotonic() + PATIENCE_S
        while text not in self.seen:
            left = end - time.monotonic()
            if select.select([self.master], [], [], 0.2)[0]:
                self.seen += os.read(self.master, 65536)
            elif left <= 0 or self.process.poll() is not None:
                raise AssertionError(f"no {text!r} in {self.seen!r}")
        before, _, self.seen = self.seen.partition(text)
        return before + text

    def type(self, text: bytes) -> None:
        os.write(self.master, text)

    def ask(self, text: str, expected: bytes) -> bytes:
        self.type(text.encode() + b"\r")
        got = self.until(expected)
        self.until(PROMPT)
        return got

    def messages(self, path: pathlib.Path) -> list[dict]:
        self.ask(f"/save {path}", b"saved to")
        return json.loads(path.read_text(encoding="utf-8"))["messages"]

    def leave(self, keys: bytes) -> tuple[int, bool]:
        """The exit code, and whether the terminal is as it was."""
        self.type(keys)
        code = self.process.wait(timeout=PATIENCE_S)
        as_it_was = termios.tcgetattr(self.slave) == self.mode
        os.close(self.slave)
        os.close(self.master)
        return code, as_it_was


class Chat(Case):
    def person(self, *args: str) -> Person:
        person = Person(*args)
        self.addCleanup(person.process.wait)
        self.addCleanup(person.process.kill)
        return person

    def test_a_conversation(self):
        person = self.person("-n", "5")
        path = self.folder / "a.json"
        person.ask("hällo wörld", b"cut after 5 tokens")
        person.ask("/stats", b"last answer")
        messages = person.messages(path)
        self.assertEqual([m["role"] for m in messages], ["user", "assistant"])
        self.assertEqual(messages[0]["content"], "hällo wörld")
        person.ask("/regen", b"cut after 5 tokens")
        self.assertNotEqual(person.messages(path)[1], messages[1])
        person.ask("/think on", b"thinking: on")
        self.assertIn(b"\x1b[2m", person.ask("again", b"cut after 5 tokens"))  # reasoning is dim
        person.ask("/undo", b"taken back: again")
        person.ask("/nonsense", b"/help")
        person.type(b"\x1b[A")  # the arrow up brings back what was said
        person.until(b"nonsense")
        self.assertEqual(person.leave(b"\x15/quit\r"), (0, True))

    def test_a_paste_stays_together(self):
        person = self.person("-n", "2")
        person.type(b"\x1b[200~one\ntwo\nthree\x1b[201~")
        person.ask(" end", b"cut after")
        self.assertEqual(person.messages(self.folder / "b.json")[0]["content"], "one\ntwo\nthree end")
        self.assertEqual(person.leave(b"\x04"), (0, True))

    def test_control_c_stops_the_answer(self):
        person = self.person("--logit-bias", "1=-100")
        person.type(b"hi\r")
        time.sleep(1)
        person.type(b"\x03")
        person.until(b"(stopped)")
        person.until(PROMPT)
        person.ask("/stats", b"messages")  # the chat goes on; twice at the prompt leaves
        person.type(b"\x03")
        person.until(b"again")
        person.until(PROMPT)
        self.assertEqual(person.leave(b"\x03"), (130, True))

    def test_lines_without_a_terminal(self):
        path = self.folder / "c.json"
        lines = ["first", "/system Be kind.", "/think high", "second", "/nonsense", f"/save {path}", "/quit", "never said"]
        done = self.expect(0, "chat", BUILTIN, "-t", "1", "-n", "4", "--seed", "1", stdin="\n".join(lines))
        self.assertNotIn("\x1b", done.stdout)
        self.assertIn("/help", done.stderr)
        messages = json.loads(path.read_text(encoding="utf-8"))["messages"]
        self.assertEqual([m["role"] for m in messages], ["system", "user", "assistant", "user", "assistant"])
        # The saved chat goes on where it was.
        self.expect(0, "chat", BUILTIN, "-t", "1", "-n", "4", "--load-chat", str(path), stdin=f"third\n/save {path}\n")
        self.assertEqual(len(json.loads(path.read_text(encoding="utf-8"))["messages"]), 7)

    def test_refusals(self):
        self.expect(2, "chat", BUILTIN, "--think", "much")
        self.expect(5, "chat", BUILTIN, "--load-chat", str(self.folder / "none.json"))
        self.assertTrue(run("chat", BUILTIN, "--dry-run").stdout.startswith("weights"))


if __name__ == "__main__":
    unittest.main()
