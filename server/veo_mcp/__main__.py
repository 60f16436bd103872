"""`python -m veo_mcp` is the command `veo-mcp`."""

from veo_mcp.cli import main

main(prog_name="veo-mcp")
