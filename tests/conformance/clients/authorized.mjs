// An official client that is given nothing but a URL and its own credentials: it has to find the authorization
// server from the gateway's 401, get a token there and call. Prints one JSON object.
// usage: node authorized.mjs <sdk1|client2-legacy|client2-modern> <url> <client id> <secret> [scope]
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { ClientCredentialsProvider as Credentials1 } from '@modelcontextprotocol/sdk/client/auth-extensions.js';
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Client as Client2, ClientCredentialsProvider as Credentials2, StreamableHTTPClientTransport as Transport2 } from '@modelcontextprotocol/client';

const [, , kind, url, clientId, clientSecret, scope] = process.argv;
const info = { name: 'authorized', version: '1' };
const first = kind === 'sdk1';
const client = first ? new Client1(info)
  : new Client2(info, kind === 'client2-modern' ? { versionNegotiation: { mode: { pin: '2026-07-28' } } } : {});
const authProvider = new (first ? Credentials1 : Credentials2)({ clientId, clientSecret, scope });
const request = { name: 'echo', arguments: { message: 'authorized' } };

try {
  await client.connect(new (first ? Transport1 : Transport2)(new URL(url), { authProvider }));
  const { tools } = await client.listTools();
  const echo = await client.callTool(request);
  console.log(JSON.stringify({ names: tools.map((t) => t.name), echo: echo.content[0].text }));
  await client.close();
  process.exit(0);
} catch (e) {
  console.log(JSON.stringify({ failed: `${e.name}: ${e.message}` }));
  process.exit(1);
}
