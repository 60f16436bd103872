"""The child process: `python -m veo_mcp.media.child inspect|gif|prove VIDEO TARGET SECONDS` prints JSON.

Untrusted files are decoded here, so that a crash, a memory bomb or an endless loop costs this process only.
"""

import os
import sys
from pathlib import Path

from veo_mcp.media.limits import confine


def main(task: str, video: str, target: str, seconds: str) -> int:
    # The answer goes to the real stdout, which nobody else in this process gets to see.
    with os.fdopen(os.dup(1), "wb") as answer:
        os.dup2(2, 1)
        confine(float(seconds))
        from veo_mcp.media import clip, look  # noqa: PLC0415 - libav is loaded within the limits

        match task:
            case "gif":
                result = look.animate(Path(video), Path(target))
            case "prove":
                clip.encode(Path(video))
                result = look.look(Path(video), Path(target))
            case _:
                result = look.look(Path(video), Path(target) if target else None)
        answer.write(result.model_dump_json().encode())
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
