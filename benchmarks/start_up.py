"""Start to answered tools/list, against a bare `MCPServer` of the same SDK; interleaved runs, medians, ratios.

Limits: at most 1.15 times the bare server's time, at most 8 MB above its memory, tools/list at most 8,000 characters.
Needs Linux for the memory figure (/proc).
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 15
BARE = "from mcp.server import MCPServer; MCPServer('bare', log_level='ERROR').run('stdio')"
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}},
}
READY = {"jsonrpc": "2.0", "method": "notifications/initialized"}
LIST = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}


def measure(command: list[str], environ: dict[str, str]) -> tuple[float, float, str]:
    """Return seconds to the answer, resident megabytes then, and the answer."""
    began = time.perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environ
    ) as server:
        assert server.stdin
        assert server.stdout
        server.stdin.write("".join(json.dumps(message) + "\n" for message in (HELLO, READY, LIST)).encode())
        server.stdin.flush()
        answers = [server.stdout.readline().decode() for _ in range(2)]
        seconds = time.perf_counter() - began
        memory = Path(f"/proc/{server.pid}/status").read_text().split("VmRSS:")[1].split()[0]
        server.stdin.close()
        server.wait(10)
    return seconds, int(memory) / 1024, answers[1]


def main() -> int:
    with tempfile.TemporaryDirectory() as home:
        environ = {**os.environ, "VEO_MCP_HOME": home, "VEO_MCP_OUTPUT_DIR": home}
        commands = {"bare": [sys.executable, "-c", BARE], "veo-mcp": [sys.executable, "-m", "veo_mcp", "serve"]}
        runs = [{name: measure(command, environ) for name, command in commands.items()} for _ in range(RUNS + 1)][1:]
    bare, ours = ([run[name] for run in runs] for name in ("bare", "veo-mcp"))
    ratio = statistics.median(mine[0] / theirs[0] for mine, theirs in zip(ours, bare, strict=True))
    extra = statistics.median(mine[1] - theirs[1] for mine, theirs in zip(ours, bare, strict=True))
    listed = len(json.dumps(json.loads(ours[0][2])["result"]))
    for name, found in (("bare MCPServer", bare), ("veo-mcp", ours)):
        seconds, memory = statistics.median(run[0] for run in found), statistics.median(run[1] for run in found)
        print(f"{name:<15} {seconds:.3f} s, {memory:.1f} MB (median of {RUNS})")
    print(
        f"ratio {ratio:.2f} (at most 1.15), {extra:+.1f} MB (at most +8), tools/list {listed} characters (at most 8000)"
    )
    return 0 if ratio <= 1.15 and extra <= 8 and listed <= 8000 else 3


if __name__ == "__main__":
    sys.exit(main())
