import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from theatre import CHROMIUM, FLAGS, Film, Theatre, serving


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Film:
    """Return a video with sound as the sandbox makes it, in a process of its own."""
    folder = tmp_path_factory.mktemp("film")
    environment = os.environ | {
        "VEO_MCP_BACKEND": "sandbox",
        "VEO_MCP_HOME": str(folder / "home"),
        "VEO_MCP_OUTPUT_DIR": str(folder),
        "VEO_MCP_SANDBOX_SECONDS": "0",
    }
    order = ["generate", "A lighthouse at dawn. SFX: waves, gulls", "--duration", "4", "--resolution", "720p"]
    subprocess.run([sys.executable, "-m", "veo_mcp", *order], env=environment, check=True, capture_output=True)
    return Film(mp4=next(folder.glob("*.mp4")), sheet=next((folder / "home").rglob("sheet.jpg")))


@pytest.fixture(scope="module")
def chromium() -> Generator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip("needs Chromium: tests/browser/install.sh")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address() -> Generator[str]:
    with serving(Path(__file__).parent) as address:
        yield address


@pytest.fixture
def theatre(chromium: Browser, address: str, film: Film) -> Generator[Theatre]:
    context = chromium.new_context(viewport={"width": 832, "height": 760}, accept_downloads=True)
    yield Theatre(context.new_page(), address, film)
    context.close()
