#!/usr/bin/env python3
"""`schemathesis` against hadal serve: what /openapi.json promises is kept, and nothing is answered with 5xx.

Right and wrong requests for every path of the document, with the scripted model, which never comes to its end here. Every answer's
status, type of content and shape must be in the document. Judged is that only: requests that are refused though their shape is right
(a role that does not exist, a prompt without text) are no findings, for a schema cannot say it all.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from server import Server  # noqa: E402

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance"
LINE = {"text": "Well.</think>An answer of {\"a\": [1, 2]}.", "finish": "stop"}


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--count", type=int, default=10000)
    options.add_argument("--seed", type=int, default=1)
    options = options.parse_args()
    start, cases, rounds, failed = time.monotonic(), 0, 0, False
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        # More lines than there can be generations.
        with Server(folder, [LINE] * (4 * options.count), "--chats", str(folder / "chats.sqlite")) as server:
            url = f"http://{server.host}:{server.port}"
            while cases < options.count and not failed:
                report = folder / f"report{rounds}.ndjson"
                done = subprocess.run(
                    [str(pathlib.Path(sys.executable).parent / "schemathesis"), "run", url + "/openapi.json", "--checks", CHECKS, "--seed",
                     str(options.seed + rounds), "--max-examples", "200", "--phases", "examples,coverage,fuzzing", "--generation-database", "none",
                     "--suppress-health-check", "all", "--report", "ndjson", "--report-ndjson-path", str(report), "--no-color", "--warnings", "off",
                     "--request-timeout", "60"], cwd=folder, capture_output=True, text=True, check=False)
                counted = re.search(r"(\d+) generated", done.stdout)
                failed = done.returncode != 0 or counted is None
                cases += int(counted[1]) if counted else 0
                rounds += 1
                if failed:
                    print(done.stdout[-20000:] + done.stderr[-2000:])
            answers = re.findall(r'^hadal_answers_total{status="(\d+)"} (\d+)', server.ask("GET", "/metrics")[2].decode(), re.M)
    seen = ", ".join(f"{count} x {status}" for status, count in answers)
    failed = failed or any(status >= "500" for status, _ in answers)
    print(f"peers openapi: {cases} cases from seed {options.seed} in {rounds} rounds, {'FAILED' if failed else '0 differences'} "
          f"({seen}; {time.monotonic() - start:.0f} s)")
    sys.exit(failed)


if __name__ == "__main__":
    main()
