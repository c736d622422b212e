"""Coding agents, headless: the scripted model reads a file, edits it through the agent's own tools and says so.

Each runs in a folder of its own with HOME in it, sees no address but this machine's, and gets from the server what
a model would have written, markup included. What counts is the file afterwards, the agent's last words, and that
the server refused nothing and was asked as often as the script expects.
"""
import json
import os
import re
import shutil
import subprocess

from common import Case
from server import Server

BEFORE = "def area(r):\n    return 3 * r * r\n\n\ndef name():\n    return \"çember\"\n"
AFTER = BEFORE.replace("3 * r", "3.14159 * r")
OLD, NEW = "    return 3 * r * r", "    return 3.14159 * r * r"
TASK = "Use 3.14159 for pi in circle.py."
DONE = {"text": "The file is as asked.</think>circle.py uses 3.14159 now.", "finish": "stop"}
PATCH = f"*** Begin Patch\n*** Update File: circle.py\n@@\n def area(r):\n-{OLD}\n+{NEW}\n*** End Patch\n"


def call(thought: str, tool: str, **arguments) -> dict:
    """What the model writes to call a tool."""
    parameters = "".join(
        f'<｜DSML｜parameter name="{name}" string="{"true" if isinstance(value, str) else "false"}">'
        f'{value if isinstance(value, str) else json.dumps(value)}</｜DSML｜parameter>\n' for name, value in arguments.items())
    return {"text": f'{thought}</think>\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name="{tool}">\n{parameters}</｜DSML｜invoke>\n</｜DSML｜tool_calls>',
            "finish": "stop"}


class Agents(Case):
    def setUp(self) -> None:
        super().setUp()
        self.home = self.folder / "home"
        self.project = self.folder / "project"
        self.file = self.project / "circle.py"
        for folder in (self.home, self.project):
            folder.mkdir()
        self.file.write_text(BEFORE, encoding="utf-8")
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8", "TERM": "dumb", "NO_COLOR": "1", "DO_NOT_TRACK": "1",
            "HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1,localhost",  # nothing listens there
            "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@localhost", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@localhost"}
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "Begin"]):
            self.git(*words)

    def git(self, *words: str) -> str:
        return subprocess.run(["git", *words], cwd=self.project, env=self.environment, check=True, capture_output=True, text=True).stdout

    def serve(self, *script: dict) -> str:
        self.server = Server(self.folder, list(script), "--no-chats")
        self.addCleanup(self.server.__exit__)
        self.lines = len(script)
        return f"http://{self.server.host}:{self.server.port}"

    def run_agent(self, *command: str, **environment: str) -> None:
        self.assertIsNotNone(shutil.which(command[0]), command[0] + " is not installed")
        done = subprocess.run(command, cwd=self.project, env={**self.environment, **environment}, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=180, check=False)
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, 0, said)
        self.assertEqual(self.file.read_text(encoding="utf-8"), AFTER, said)
        self.assertNotIn("DSML", said)
        self.assertNotIn("</think>", said)
        answers = re.findall(r'^hadal_answers_total{status="(\d+)"}', self.server.ask("GET", "/metrics")[2].decode(), re.M)
        self.assertEqual([status for status in answers if status >= "400"], [], said)
        self.assertEqual(self.server.metric("requests_finished_total"), self.lines, said)
        self.said = done.stdout

    def run_codex(self, model: str, edit: dict) -> None:
        url = self.serve(call("I look first.", "exec_command", cmd="cat circle.py", yield_time_ms=1000), edit, DONE)
        folder = self.home / ".codex"
        folder.mkdir()
        (folder / "config.toml").write_text(
            f'model = "{model}"\nmodel_provider = "hadal"\ncheck_for_update_on_startup = false\n[analytics]\nenabled = false\n'
            f'[model_providers.hadal]\nname = "hadal"\nbase_url = "{url}/v1"\nwire_api = "responses"\nenv_key = "HADAL_KEY"\n'
            "request_max_retries = 0\nstream_max_retries = 0\n", encoding="utf-8")
        # Its sandbox needs rights that a container may lack; the folder is a temporary one.
        self.run_agent("codex", "exec", "--dangerously-bypass-approvals-and-sandbox", TASK, HADAL_KEY="any")
        self.assertEqual(self.said.strip(), "circle.py uses 3.14159 now.")

    def test_codex(self):
        self.run_codex("deepseek-v4", call("Now the edit.", "exec_command", cmd=f"apply_patch <<'EOF'\n{PATCH}EOF"))

    def test_codex_with_a_custom_tool(self):
        """For names of models that it knows, it offers apply_patch as a tool whose input is no JSON."""
        self.run_codex("gpt-5.5", call("Now the edit.", "apply_patch", input=PATCH))

    def test_claude_code(self):
        path = str(self.file)
        url = self.serve(call("I look first.", "Read", file_path=path),
                         call("Now the edit.", "Edit", file_path=path, old_string=OLD, new_string=NEW, replace_all=False), DONE)
        self.run_agent("claude", "-p", "--permission-mode", "acceptEdits", TASK, ANTHROPIC_BASE_URL=url, ANTHROPIC_API_KEY="any",
                       CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1", DISABLE_AUTOUPDATER="1", DISABLE_TELEMETRY="1")
        self.assertEqual(self.said.strip(), "circle.py uses 3.14159 now.")

    def test_opencode(self):
        path = str(self.file)
        title = {"text": "A title.</think>Precise pi", "finish": "stop", "match": "You are a title generator"}
        url = self.serve(title, call("I look first.", "read", filePath=path),
                         call("Now the edit.", "edit", filePath=path, oldString=OLD, newString=NEW), DONE)
        provider = {"npm": "@ai-sdk/openai-compatible", "name": "hadal", "options": {"baseURL": url + "/v1", "apiKey": "any"},
                    "models": {"deepseek-v4": {"name": "DeepSeek V4"}}}
        settings = {"model": "hadal/deepseek-v4", "small_model": "hadal/deepseek-v4", "provider": {"hadal": provider}, "autoupdate": False,
                    "share": "disabled", "permission": {"edit": "allow"}}
        config = self.home / ".config" / "opencode"
        config.mkdir(parents=True)
        (config / "opencode.json").write_text(json.dumps(settings), encoding="utf-8")
        self.run_agent("opencode", "run", TASK, OPENCODE_DISABLE_AUTOUPDATE="1", OPENCODE_DISABLE_MODELS_FETCH="1")
        self.assertIn("circle.py uses 3.14159 now.", self.said)

    def test_qwen_code(self):
        path = str(self.file)
        url = self.serve(call("I look first.", "read_file", file_path=path),
                         call("Now the edit.", "edit", file_path=path, old_string=OLD, new_string=NEW), DONE)
        settings = self.home / ".qwen"
        settings.mkdir()
        (settings / "settings.json").write_text(json.dumps({  # it asks for memories at the end of some runs only
            "telemetry": {"enabled": False}, "privacy": {"usageStatisticsEnabled": False}, "general": {"enableAutoUpdate": False},
            "memory": {"enableManagedAutoMemory": False, "enableManagedAutoDream": False}}), encoding="utf-8")
        self.run_agent("qwen", "--auth-type", "openai", "--approval-mode", "auto-edit", "-p", TASK, OPENAI_BASE_URL=url + "/v1", OPENAI_API_KEY="any",
                       OPENAI_MODEL="deepseek-v4")
        self.assertEqual(self.said.strip(), "circle.py uses 3.14159 now.")

    def test_aider(self):
        edit = {"text": f"A small edit.</think>circle.py uses 3.14159 now.\n\ncircle.py\n```python\n<<<<<<< SEARCH\n{OLD}\n=======\n{NEW}\n>>>>>>> REPLACE\n```\n",
                "finish": "stop"}
        url = self.serve(edit, {"text": "One line.</think>fix: use a more precise pi", "finish": "stop"})
        cache = self.home / ".aider" / "caches"
        cache.mkdir(parents=True)
        (cache / "model_prices_and_context_window.json").write_text('{"any": {}}', encoding="utf-8")  # else it is fetched
        self.run_agent("aider", "--model", "openai/deepseek-v4", "--edit-format", "diff", "--no-analytics", "--no-check-update", "--no-show-release-notes",
                       "--no-show-model-warnings", "--no-gitignore", "--yes-always", "--message", TASK, "circle.py",
                       OPENAI_API_BASE=url + "/v1", OPENAI_API_KEY="any", LITELLM_LOCAL_MODEL_COST_MAP="True")
        self.assertEqual(self.git("log", "-1", "--format=%s").strip(), "fix: use a more precise pi")
        self.assertIn("circle.py uses 3.14159 now.", self.said)
