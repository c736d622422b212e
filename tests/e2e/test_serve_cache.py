"""What hadal serve remembers of prompts, in memory and with --cache-dir: it changes the time, and not one bit of an answer."""
import random
import threading
import time
import unittest

from common import Case
from server import Server

WORDS = "the sun and the rain fall on a small town where nobody sleeps but one old cat".split()


def question(number: int, words: int = 250) -> dict:
    """A prompt of a few blocks of the cache, and an answer in which every bit shows."""
    pick = random.Random(number)
    text = " ".join(pick.choice(WORDS) for _ in range(words))
    return {"model": "m", "messages": [{"role": "user", "content": text}], "thinking": {"type": "disabled"},
            "max_tokens": 8, "temperature": 1, "seed": number, "logprobs": True, "top_logprobs": 3}


def ask(server: Server, number: int) -> tuple[list, int]:
    """The tokens with their logprobs, and how many tokens of the prompt were known."""
    status, answer = server.post("/v1/chat/completions", question(number))
    if status != 200:
        raise AssertionError(answer)
    return answer["choices"][0]["logprobs"]["content"], answer["usage"]["prompt_tokens_details"]["cached_tokens"]


class Cache(Case):
    def cold(self, numbers) -> list:
        with Server(self.folder, None, "--cache", "0") as server:
            answers = [ask(server, number) for number in numbers]
        self.assertEqual({known for _, known in answers}, {0})
        return [tokens for tokens, _ in answers]

    def files(self) -> list:
        return [file for file in (self.folder / "cache").rglob("*") if file.is_file()]

    def test_in_memory_and_after_a_restart(self):
        expected = self.cold([1])[0]
        arguments = ("--cache-dir", str(self.folder / "cache"))
        with Server(self.folder, None, *arguments) as server:
            for least in (0, 128):
                tokens, known = ask(server, 1)
                self.assertEqual(tokens, expected)
                self.assertGreaterEqual(known, least)
            self.assertEqual(server.terminate(), 0)
        self.assertTrue(self.files())
        self.assertEqual({file.parent.stat().st_mode & 0o777 for file in self.files()}, {0o700})
        with Server(self.folder, None, *arguments) as server:
            tokens, known = ask(server, 1)
            self.assertEqual(tokens, expected)
            self.assertGreaterEqual(known, 128)
            self.assertGreater(server.metric("disk_cache_bytes"), 0)

    def test_killed_while_it_writes(self):
        numbers = range(100, 112)
        expected = dict(zip(numbers, self.cold(numbers)))
        arguments = ("--cache-dir", str(self.folder / "cache"))
        pick, found = random.Random(5), 0
        for _ in range(6):
            with Server(self.folder, None, *arguments) as server:
                asker = threading.Thread(target=self.ask_until_killed, args=(server, list(numbers)))
                asker.start()
                time.sleep(pick.uniform(0.05, 0.6))
                server.process.kill()
                asker.join()
            with Server(self.folder, None, *arguments) as server:
                for number in pick.sample(numbers, 4):
                    tokens, known = ask(server, number)
                    self.assertEqual(tokens, expected[number])
                    found += known > 0
        self.assertGreater(found, 0)

    @staticmethod
    def ask_until_killed(server: Server, numbers: list) -> None:
        try:
            for number in numbers:
                ask(server, number)
        except (OSError, AssertionError, ValueError):
            pass
        except Exception as error:  # http.client has several of its own
            if "http.client" not in type(error).__module__:
                raise

    def test_budget(self):
        arguments = ("--cache-dir", str(self.folder / "cache"), "--disk-cache", "1", "--disk-writes", "0")
        with Server(self.folder, None, *arguments) as server:
            for number in range(8):
                ask(server, number)
            self.assertEqual(server.terminate(), 0)
        self.assertLessEqual(sum(file.stat().st_size for file in self.files()), 1 << 20)

    def test_what_cannot_be(self):
        self.expect(2, "serve", "x", "--cache-dir", "y", "--cache", "0")
        self.expect(2, "serve", "x", "--cache-dir", "y", "--scripted", "z")


if __name__ == "__main__":
    unittest.main()
