// Plain HTTP in, TLS and a bearer token out: for suites that can do neither. Every other header passes as it
// came, Host and Origin included, and answers are passed on piece by piece.
// usage: PORT=n node shim.mjs <gateway port> <ca.pem> <token>
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Agent, request } from 'node:https';

const [, , port, ca, token] = process.argv;
const agent = new Agent({ ca: readFileSync(ca), keepAlive: true });

function forward(asked, answered) {
  const headers = [...asked.rawHeaders, 'Authorization', `Bearer ${token}`];
  const out = request({ agent, host: '127.0.0.1', servername: 'localhost', port, method: asked.method, path: asked.url, headers });
  out.on('response', (got) => {
    answered.writeHead(got.statusCode, got.rawHeaders);
    answered.flushHeaders();
    got.pipe(answered);
    got.on('error', () => answered.destroy());
  });
  out.on('error', () => (answered.headersSent ? answered.destroy() : answered.writeHead(502).end()));
  answered.on('close', () => out.destroy());
  asked.pipe(out);
}

createServer(forward).listen(process.env.PORT, '127.0.0.1');
