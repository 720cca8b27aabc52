// A certified OAuth 2.0 authorization server: discovery, a key set, ES256 access tokens as RFC 9068 wants them
// for any resource that is named, opaque ones else. One client: SP_CLIENT, its secret "secret".
// usage: PORT=n SP_CLIENT=id node issuer.mjs <certificate.pem> <key.pem>
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { Provider } from 'oidc-provider';

const [, , cert, key] = process.argv;
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const provider = new Provider(`https://localhost:${process.env.PORT}`, {
  clients: [{
    client_id: process.env.SP_CLIENT,
    client_secret: 'secret',
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
  }],
  clientDefaults: { id_token_signed_response_alg: 'ES256' },
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256', kid: 'first' }] },
  scopes: ['mcp:call', 'mcp:other'],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      getResourceServerInfo: (ctx, audience) => ({
        scope: 'mcp:call mcp:other', audience, accessTokenFormat: 'jwt', accessTokenTTL: 300, jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
});
createServer({ cert: readFileSync(cert), key: readFileSync(key) }, provider.callback()).listen(process.env.PORT, '127.0.0.1');
