import { resolve } from "node:path";
import { defineConfig, type Plugin, type UserConfig } from "vite";

const root = resolve(import.meta.dirname, "../..");

/**
 * Where the page may send requests: to registries and relays that the user names, by https or on this machine. `CONNECT_TO` of the
 * environment narrows it when the page is built, for example to a relay: `CONNECT_TO=https://relay.example.com`. Empty, it leaves
 * only the page's own origin, where a relay may be as well.
 */
const CONNECT_TO = process.env.CONNECT_TO ?? "https: http://127.0.0.1:* http://localhost:*";

/**
 * What the page may do: load its own files and nothing else, and talk to registries. No inline scripts or styles, no eval, no
 * WebAssembly, nothing that is loaded from elsewhere, no plugins, and no form that is sent anywhere.
 */
const POLICY = [
  "default-src 'self'",
  `connect-src 'self' ${CONNECT_TO}`.trim(),
  "base-uri 'none'",
  "form-action 'none'",
  "object-src 'none'",
].join("; ");

/**
 * The policy stands in the built page itself, so that it is in force under any static server. `vite` alone serves the page
 * without it: its live reload puts styles into the page.
 */
function contentSecurityPolicy(): Plugin {
  return {
    name: "content-security-policy",
    apply: "build",
    transformIndexHtml: () => [
      {
        tag: "meta",
        attrs: { "http-equiv": "Content-Security-Policy", content: POLICY },
        injectTo: "head-prepend",
      },
    ],
  };
}

const config: UserConfig = defineConfig({
  root: import.meta.dirname,
  // Relative addresses: the built page works from any folder of any server.
  base: "./",
  resolve: {
    // Straight from the sources: nothing has to be built first, and the page shows what is there now.
    alias: [
      { find: /^slipway$/, replacement: resolve(root, "src/index.ts") },
      { find: /^slipway\/(.+)$/, replacement: resolve(root, "src/$1/index.ts") },
    ],
  },
  plugins: [contentSecurityPolicy()],
  worker: { format: "es" },
  server: { host: "127.0.0.1" },
  preview: { host: "127.0.0.1", headers: { "content-security-policy": POLICY } },
  build: {
    target: "es2022",
    outDir: resolve(root, "out/playground"),
    emptyOutDir: true,
    // `data:` addresses are not of the page's own origin.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});

export default config;
