"""Tools over a session's files. Files are rows: on every worker, with every earlier version, and with no links to follow."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from agents.tools.context import ToolContext
from agents.tools.errors import InvalidInput
from agents.tools.paths import clean_path
from agents.tools.registry import tool

PAGE = 9_000


def _path(path: str) -> str:
    try:
        return clean_path(path)
    except InvalidInput as error:
        raise ValueError(error.reason) from error


FilePath = Annotated[str, Field(max_length=200, description="A relative path such as notes/summary.md."), AfterValidator(_path)]


class ReadFile(BaseModel):
    """Which file, and from where."""

    model_config = ConfigDict(extra="forbid")
    path: FilePath
    offset: int = Field(default=0, ge=0, le=10_000_000, description="Character to start at, for the rest of a long file.")


class WriteFile(BaseModel):
    """Which file, and its whole new content."""

    model_config = ConfigDict(extra="forbid")
    path: FilePath
    content: str = Field(max_length=200_000, description="The whole content; an earlier version is kept beside it.")


@tool(tier="read_only", scopes=["files:read"], timeout_s=15, summary="Read the file {path} of this session")
def read_file(args: ReadFile, context: ToolContext) -> dict[str, Any]:
    """Read a file of this session that was written earlier, a long one part by part."""
    found = context.files.read(args.path)
    text = found.content[args.offset : args.offset + PAGE]
    if found.trust != "trusted":
        context.mark_untrusted(source="file", title=found.path, ref=found.path, quote=text)
    told = {"path": found.path, "version": found.version, "sha256": found.sha256, "content": text}
    end = args.offset + len(text)
    return {**told, "next_offset": end, "length": len(found.content)} if end < len(found.content) else told


@tool(
    tier="reversible_write",
    scopes=["files:write"],
    idempotent=True,
    timeout_s=15,
    summary="Write the file {path} of this session",
    consequence="Earlier versions of the file are kept.",
)
def write_file(args: WriteFile, context: ToolContext) -> dict[str, Any]:
    """Write a file of this session, for notes, drafts and results that are too long for an answer."""
    made = context.files.write(args.path, args.content)
    return {"path": made.path, "version": made.version, "size": made.size, "sha256": made.sha256}
