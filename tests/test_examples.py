"""Every example runs as its own docstring says, on the sandbox, and leaves a whole video behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from media_files import header_says

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_an_example_makes_a_video_on_the_sandbox(name: str, tmp_path: Path) -> None:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("AIML")}
    environ |= {"VEO_MCP_HOME": str(tmp_path / "home"), "VEO_MCP_OUTPUT_DIR": str(tmp_path / "videos")}
    environ |= {"VEO_MCP_SANDBOX_SECONDS": "1", "VEO_MCP_POLL_SECONDS": "0.5"}
    ran = subprocess.run(
        [sys.executable, EXAMPLES / name], env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    video = Path(ran.stdout.strip())
    assert video.is_relative_to(tmp_path / "videos")
    assert header_says(video) is None
