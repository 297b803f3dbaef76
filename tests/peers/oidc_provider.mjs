// The peer oidc-provider with one client and with a person for each login name.
// usage: oidc_provider.mjs <folder of the peer> <port> <redirect URI> <client id> <client secret>
import { pathToFileURL } from "node:url";

const [folder, port, redirectUri, clientId, clientSecret] = process.argv.slice(2);
const library = pathToFileURL(`${folder}/node_modules/oidc-provider/lib/index.js`);
const { default: Provider } = await import(library);

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri] }],
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "picture"] },
  cookies: { keys: ["a key of the test"] },
  pkce: { required: () => true },
  // A person whose name begins with `new` has not confirmed the address yet.
  findAccount: (_, name) => ({
    accountId: name,
    claims: () => ({
      sub: name,
      email: `${name}@example.com`,
      email_verified: !name.startsWith("new"),
      name,
      picture: `https://pictures.example/${name}.png`,
    }),
  }),
});
provider.listen(Number(port), "127.0.0.1");
