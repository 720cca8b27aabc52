// One official client against one endpoint: what it lists, what its calls give, when progress arrives, how a
// call ends that is cancelled. Prints one JSON object; the scenario that started it judges.
// usage: node official.mjs <sdk1|client2-legacy|client2-modern|client2-auto> <url> [token]
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

// The names of two upstreams for the same thing: a call that takes `ms` in `steps` steps.
function slowCall(names, ms, steps) {
  if (names.includes('slow_report'))
    return { name: 'slow_report', arguments: { steps, delay_ms: ms / steps, call_ref: `${kind}-${steps}` } };
  return { name: 'trigger-long-running-operation', arguments: { duration: ms / 1000, steps } };
}

async function outcome(promise) {
  try {
    const r = await promise;
    return r.isError ? { isError: true } : { text: r.content[0].text };
  } catch (e) {
    return { code: e.code, message: e.message, reason: e.data?.reason };
  }
}

async function cancelled(call, names) {
  const stop = new AbortController();
  let at;
  const onprogress = () => {
    at ??= Date.now();
    stop.abort('enough');
  };
  const end = await outcome(call(slowCall(names, 20000, 80), { signal: stop.signal, onprogress }));
  return { ...end, took_ms: Date.now() - at };
}

async function main() {
  const { client, call } = await connect();
  const names = (await client.listTools()).tools.map((t) => t.name).sort();
  const echo = await outcome(call({ name: 'echo', arguments: { message: 'through the gate' } }));
  const at = [];
  const began = Date.now();
  const slow = await outcome(call(slowCall(names, 1000, 4), { onprogress: () => at.push(Date.now() - began) }));
  const took_ms = Date.now() - began;
  const unknown = await outcome(call({ name: 'unknown_tool', arguments: {} }));
  const denied = await outcome(call({ name: 'denied_tool', arguments: {} }));
  const absent = await outcome(call({ name: 'absent_tool', arguments: {} }));
  const cancel = await cancelled(call, names);
  const after = await outcome(call({ name: 'echo', arguments: { message: 'still here' } }));
  const version = client.getNegotiatedProtocolVersion?.();
  await client.close();
  return { version, names, echo, slow, progress_at_ms: at, took_ms, unknown, denied, absent, cancel, after };
}

try {
  console.log(JSON.stringify(await main()));
  process.exit(0);
} catch (e) {
  console.log(JSON.stringify({ failed: `${e.name}: ${e.message}`, code: e.code ?? e.status }));
  process.exit(1);
}
