// One official client against one endpoint: list tools, call one, and watch progress arrive while the call runs.
// usage: node official.mjs <sdk1|client2-legacy|client2-modern|client2-auto> <url> <token>
// Prints one JSON object; exits 0 only when all of it held.
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Client as Client2, StreamableHTTPClientTransport as Transport2 } from '@modelcontextprotocol/client';

const [, , kind, url, token] = process.argv;
const info = { name: 'official', version: '1' };
const requestInit = token ? { headers: { Authorization: `Bearer ${token}` } } : {};
const modes = {
  'client2-legacy': {},
  'client2-modern': { versionNegotiation: { mode: { pin: '2026-07-28' } } },
  'client2-auto': { versionNegotiation: { mode: 'auto' } },
};

async function connect() {
  if (kind === 'sdk1') {
    const client = new Client1(info);
    await client.connect(new Transport1(new URL(url), { requestInit }));
    return { client, call: (p, o) => client.callTool(p, undefined, o) };
  }
  const client = new Client2(info, modes[kind]);
  await client.connect(new Transport2(new URL(url), { requestInit }));
  return { client, call: (p, o) => client.callTool(p, o) };
}

const { client, call } = await connect();
const { tools } = await client.listTools();
const names = tools.map((t) => t.name);
const echo = await call({ name: 'echo', arguments: { message: 'through the gate' } });
const slow = names.find((n) => n.includes('long-running') || n === 'longRunningOperation' || n === 'slow_report');
const at = [];
const began = Date.now();
const steps = slow === 'slow_report' ? { steps: 4, delay_ms: 250 } : { duration: 1, steps: 4 };
const done = await call({ name: slow, arguments: steps }, { onprogress: () => at.push(Date.now() - began) });
const took = Date.now() - began;
let unknown = 'accepted';
try {
  const r = await call({ name: 'no_such_tool', arguments: {} });
  if (r.isError) unknown = 'isError';
} catch (e) {
  unknown = e.code;
}
const result = {
  kind, tools: names.length, echo: echo.content[0].text, slow, progress_at_ms: at, took_ms: took,
  slow_ok: !done.isError, unknown,
};
// Progress counts as seen when it happens: the first arrives well before the call ends.
result.ok = names.includes('echo') && result.echo.includes('through the gate') && at.length >= 3 &&
  at[0] < took - 300 && result.slow_ok && unknown !== 'accepted';
console.log(JSON.stringify(result));
await client.close();
process.exit(result.ok ? 0 : 1);
