// The TypeScript SDKs' clients: `typescript.mjs v1|v2-legacy|v2-modern stdio|URL`.
const [version, target] = process.argv.slice(2);
const [{ Client }, { StdioClientTransport }, { StreamableHTTPClientTransport }] =
  version === "v1"
    ? await Promise.all([
        import("@modelcontextprotocol/sdk/client/index.js"),
        import("@modelcontextprotocol/sdk/client/stdio.js"),
        import("@modelcontextprotocol/sdk/client/streamableHttp.js"),
      ])
    : await Promise.all([
        import("@modelcontextprotocol/client"),
        import("@modelcontextprotocol/client/stdio"),
        import("@modelcontextprotocol/client"),
      ]);
const [command, ...args] = JSON.parse(process.env.SERVER_COMMAND);
const transport =
  target === "stdio"
    ? new StdioClientTransport({ command, args, env: process.env })
    : new StreamableHTTPClientTransport(new URL(target));
let era = null;
const setProtocolVersion = transport.setProtocolVersion?.bind(transport);
transport.setProtocolVersion = (negotiated) => {
  era = negotiated;
  setProtocolVersion?.(negotiated);
};
const mode = version === "v2-modern" ? "auto" : "legacy";
const client = new Client({ name: "typescript", version: "1" }, { versionNegotiation: { mode } });
await client.connect(transport);

const progress = [];
const onprogress = (seen) => progress.push([seen.progress, seen.total, seen.message]);
const call = (name, args, options) => {
  const params = { name, arguments: args };
  const merged = { timeout: 60_000, resetTimeoutOnProgress: true, onprogress, ...options };
  return version === "v1" ? client.callTool(params, undefined, merged) : client.callTool(params, merged);
};

const tools = (await client.listTools()).tools.map((tool) => tool.name);
const prompt = process.env.PROMPT;
const created = await call("create_video", { prompt, duration: 4 });
const generation_id = created.structuredContent.generation_id;
const waited = await call("get_video_status", { generation_id, wait_seconds: 30 });
const viewed = await call("view_video", { generation_id });

const again = { prompt: `${prompt}, again`, duration: 4 };
const leaving = new AbortController();
const left = await call("generate_and_wait", again, { signal: leaving.signal, onprogress: () => leaving.abort() }).then(
  () => "answered",
  () => "cancelled",
);
if (left !== "cancelled") throw new Error("it was not cancelled");
const joined = await call("generate_and_wait", again);
console.log(
  JSON.stringify({
    era: client.getNegotiatedProtocolVersion?.() ?? era,
    tools,
    waited: waited.structuredContent.status,
    progress,
    viewed: viewed.content.map((block) => block.type),
    joined: [joined.structuredContent.status, joined.structuredContent.reused],
  }),
);
await client.close();
process.exit(0);
