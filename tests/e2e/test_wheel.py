"""What is built is what works: the wheel, installed alone, served as mcp.json says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the commands of a new environment that holds the wheel just built and nothing of ours else.

    The other packages come from this environment: what is in question is our wheel, not the index.
    """
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", folder, ROOT], check=True)
    [wheel] = folder.glob("veo_mcp-*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    python = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run([*pip, "--python", python, "install", "--no-deps", wheel], check=True)
    here = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    )
    others = Path(here.stdout.strip()) / "others.pth"
    others.write_text(str(Path(pytest.__file__).parent.parent) + "\n")
    return python.parent


async def test_the_wheel_serves_as_mcp_json_says(installed: Path, tmp_path: Path) -> None:
    server = json.loads((ROOT / "mcp.json").read_text())["mcpServers"]["veo"]
    environ = {
        "PATH": f"{installed}{os.pathsep}{os.environ['PATH']}",
        "VEO_MCP_HOME": str(tmp_path / "home"),
        "VEO_MCP_OUTPUT_DIR": str(tmp_path / "videos"),
        **{name: value.replace("${AIMLAPI_API_KEY:-}", "") for name, value in server["env"].items()},
    }
    parameters = StdioServerParameters(
        command=str(installed / server["command"]), args=server["args"], env=environ, cwd=tmp_path
    )
    async with Client(parameters) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == [
            "create_video", "get_video_status", "generate_and_wait", "list_videos", "view_video",
        ]  # fmt: skip
        made = await client.call_tool(
            "generate_and_wait", {"prompt": "A small boat", "duration": 4, "resolution": "720p"}
        )
        assert made.structured_content is not None
        assert Path(made.structured_content["video"]["path"]).is_relative_to(tmp_path / "videos")
        seen = await client.call_tool("view_video", {"generation_id": made.structured_content["generation_id"]})
        assert [block.type for block in seen.content] == ["text", "image"]


def test_the_wheel_holds_the_player_and_the_types(installed: Path) -> None:
    code = "from importlib.resources import files as f; p = f('veo_mcp'); print(p, p.joinpath('py.typed').is_file())"
    code += "; assert p.joinpath('views/player.html').is_file()"
    ran = subprocess.run([installed / "python", "-c", code], check=True, capture_output=True, text=True)
    assert str(installed.parent) in ran.stdout
    assert ran.stdout.strip().endswith("True")
