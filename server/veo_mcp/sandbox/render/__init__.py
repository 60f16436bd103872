"""Render a real mp4 from a prompt, without any model: an animatic that says so.

Adding a scene, a weather or a subject is adding one file to `scenes`, `weather` or `subjects`.
"""

from pathlib import Path

from veo_mcp.sandbox.render.shot import Shot

__all__ = ["Shot", "render"]


def render(shot: Shot, path: Path) -> None:
    """Write the shot to `path`, which appears only when the file is whole.

    The same shot gives the same bytes on one machine.
    """
    from veo_mcp.sandbox.render.film import shoot  # noqa: PLC0415 - numpy, av and Pillow load here

    shoot(shot, path)
