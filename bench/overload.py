#!/usr/bin/env python3
"""What a server still gets done while far more is asked of it than it can do: goodput under ten times its load.

Windows of two kinds take turns, so that what else the machine does meets both: as many clients as there are slots, each asking again
when it is answered (the peak); and requests that come at ten times that rate, whatever happens to those before them. Goodput is the
tokens of whole answers a second; it is also given for each second of the server's CPU time, which other programs cannot take away.

Usage: bench/overload.py [--model FOLDER] [--slots N] [--tokens N] [--seconds N] [--rounds N]
"""
import argparse
import asyncio
import json
import os
import pathlib
import statistics
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]


class Server:
    def __init__(self, hadal: str, model: str, slots: int, threads: int):
        self.process = subprocess.Popen([hadal, "serve", *([model] if model else []), "--port", "0", "--no-chats", "-t", str(threads),
                                         "--slots", str(slots)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.host, port = self.process.stdout.readline().strip().removeprefix("http://").rsplit(":", 1)
        self.port = int(port)

    def cpu_seconds(self) -> float:
        user, system = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


class Load:
    def __init__(self, server: Server, tokens: int):
        self.server = server
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Tell me something."}], "max_tokens": tokens,
                           "thinking": {"type": "disabled"}, "logit_bias": {"0": -100, "1": -100}}).encode()
        self.request = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        self.reset()

    def reset(self) -> None:
        self.tokens = self.answers = 0
        self.refusals: list[float] = []
        self.others: list[str] = []

    async def ask(self) -> None:
        start = time.monotonic()
        reader, writer = await asyncio.open_connection(self.server.host, self.server.port)
        try:
            writer.write(self.request)
            head, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
        finally:
            writer.close()
        status = head.split(b" ", 2)[1].decode()
        if status == "200":
            self.answers += 1
            self.tokens += json.loads(body)["usage"]["completion_tokens"]
        elif status == "429" and b"\r\nRetry-After: " in head:
            self.refusals.append(time.monotonic() - start)
        else:
            self.others.append(head.decode("latin-1"))

    async def again_and_again(self) -> None:
        while True:
            await self.ask()

    async def window(self, seconds: float, clients: int, rate: float) -> tuple[float, float, float]:
        """Tokens a second, tokens a second of CPU time, answers a second; the first part of the time is not counted."""
        tasks = {asyncio.create_task(self.again_and_again()) for _ in range(clients)}
        begin = time.monotonic()
        counted = None
        sent = 0
        while (now := time.monotonic()) < begin + seconds:
            if counted is None and now > begin + seconds / 5:
                self.reset()
                counted = now, self.server.cpu_seconds()
            while sent < rate * (now - begin):
                sent += 1
                task = asyncio.create_task(self.ask())
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            await asyncio.sleep(0.005)
        spent = time.monotonic() - counted[0]
        result = self.tokens / spent, self.tokens / (self.server.cpu_seconds() - counted[1]), self.answers / spent
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return result


async def measure(options: argparse.Namespace, server: Server) -> None:
    load = Load(server, options.tokens)
    peak, over, refusals, others = [], [], [], 0
    for _ in range(options.rounds):
        peak.append(await load.window(options.seconds, options.slots, 0))
        rate = 10 * peak[-1][2]
        over.append(await load.window(options.seconds, 0, rate))
        refusals += load.refusals
        others += len(load.others)
        print(f"peak {peak[-1][0]:.0f} tokens/s ({peak[-1][1]:.0f} a CPU second); {rate:.0f} requests/s: {over[-1][0]:.0f} ({over[-1][1]:.0f}), "
              f"{len(load.refusals)} x 429", flush=True)
        await asyncio.sleep(1)
    refusals.sort()
    wall, cpu = (statistics.median(o[i] / p[i] for o, p in zip(over, peak)) for i in (0, 1))
    print(f"goodput under ten times the load: {100 * wall:.1f} % of the peak, {100 * cpu:.1f} % for each CPU second; "
          f"429 after {1000 * refusals[len(refusals) // 2]:.1f} ms (median), {1000 * refusals[len(refusals) * 99 // 100]:.1f} ms (P99), "
          f"{len(refusals)} of them; other answers: {others}")


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--model", default="")
    options.add_argument("--slots", type=int, default=8)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--tokens", type=int, default=200)
    options.add_argument("--seconds", type=float, default=20)
    options.add_argument("--rounds", type=int, default=5)
    options = options.parse_args()
    server = Server(os.environ.get("HADAL", str(ROOT / "build/release/hadal")), options.model, options.slots, options.threads)
    try:
        asyncio.run(measure(options, server))
    finally:
        server.process.terminate()
        server.process.wait()


if __name__ == "__main__":
    main()
