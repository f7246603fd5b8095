import { join } from "node:path";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createRegistryRelay } from "../../src/cloudflare/index.ts";
import { createMemoryContentStore, readBlobBytes } from "../../src/content/index.ts";
import { bundleModule } from "../support/bundle.ts";
import { launchChromium } from "../support/chromium.ts";
import { MODULE_PAGE, type PageRoute, type PageServer, servePages } from "../support/page-server.ts";
import { requestLine, startTestRegistry, type TestRegistry } from "../support/registry-server/test-registry.ts";
import { type SampleImage, sampleImage } from "../support/sample-image.ts";

type Registries = typeof import("./registry/page.ts");
declare const registries: Registries;

const USER = { username: "user", password: "secret" };
const MIB = 1024 * 1024;

let browser: Browser;
let started: TestRegistry[] = [];
let servers: PageServer[] = [];
let module = "";

beforeAll(async () => {
  browser = await launchChromium();
  module = await bundleModule(join(import.meta.dirname, "registry/page.ts"));
});
afterAll(() => browser?.close());
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  for (const server of servers) await server.close();
  for (const registry of started) await registry.stop();
  servers = [];
  started = [];
});

async function start(...options: Parameters<typeof startTestRegistry>): Promise<TestRegistry> {
  const registry = await startTestRegistry(...options);
  started.push(registry);
  return registry;
}

/** Puts an image with the tag `1` there. */
async function sampleInto({ repositories }: TestRegistry, name: string): Promise<SampleImage> {
  const image = await sampleImage(createMemoryContentStore());
  const { blobs, manifests, tags } = repositories.of(name);
  for (const blob of [image.config, ...image.layers]) blobs.set(blob.digest, await readBlobBytes(image.content, blob));
  const { digest, mediaType } = image.descriptor;
  manifests.set(digest, { mediaType, bytes: await readBlobBytes(image.content, image.descriptor) });
  tags.set("1", digest);
  return image;
}

/** A server of pages, and a profile that visits it. */
async function serve(
  policy: string,
  routes: Readonly<Record<string, PageRoute>> = {},
  options: BrowserContextOptions = {},
): Promise<{ readonly context: BrowserContext; readonly origin: string; open(): Promise<Page> }> {
  const server = await servePages(
    {
      "/": MODULE_PAGE,
      "/main.js": {
        type: "text/javascript",
        body: 'import * as registries from "/page.js"; globalThis.registries = registries; document.body.id = "ready";',
      },
      "/page.js": { type: "text/javascript", body: module },
      ...routes,
    },
    policy,
  );
  servers.push(server);
  const context = await browser.newContext(options);
  return {
    context,
    origin: server.origin,
    async open() {
      const page = await context.newPage();
      await page.goto(`${server.origin}/`);
      await page.waitForSelector("#ready", { state: "attached" });
      return page;
    },
  };
}

describe("a push from a page", () => {
  it("goes on where it was when the page was closed", async () => {
    let patches = 0;
    let hung = (): void => undefined;
    const hanging = new Promise<void>((resolve) => {
      hung = resolve;
    });
    const registry = await start({
      cors: true,
      on: ({ method }) => {
        if (method !== "PATCH" || ++patches !== 4) return "ok";
        hung();
        return { kind: "silence" };
      },
    });
    const { open } = await serve(`default-src 'self'; connect-src 'self' http://${registry.host}`);
    const name = `${registry.host}/large:1`;
    const first = await open();
    const cut = first.evaluate((to) => registries.buildAndPush(to), name).catch(() => "the page was closed");
    await hanging;
    await first.close();
    expect(await cut).toBe("the page was closed");

    const second = await open();
    const before = registry.requests.length;
    expect(await second.evaluate(() => registries.rememberedUploads())).toEqual([
      expect.stringContaining(`registry/uploads/${registry.host}/large/sha256:`),
    ]);
    const digest = await second.evaluate((to) => registries.buildAndPush(to), name);
    const repository = registry.repositories.of("large");
    expect(repository.tags.get("1")).toBe(digest);

    const after = registry.requests.slice(before);
    const sent = after.reduce((sum, { bytesIn }) => sum + bytesIn, 0);
    // Three of six MiB were there.
    expect(sent).toBeLessThan(4 * MIB);
    expect(sent).toBeGreaterThan(2.9 * MIB);
    const layerPosts = registry.requests.filter((request) => requestLine(request) === "POST /v2/large/blobs/uploads/");
    // One for the layer, one for the config.
    expect(layerPosts.length).toBe(2);
    expect(await second.evaluate(() => registries.rememberedUploads())).toEqual([]);
    // Pages can only send a body as a whole: its length is known.
    for (const { headers, method } of after) {
      if (method === "PATCH" || method === "PUT") expect(headers["transfer-encoding"]).toBeUndefined();
    }
  }, 120_000);
});

describe("a pull in a page", () => {
  it("follows a redirect to a storage that wants no token, and tells it none", async () => {
    const registry = await start({ cors: true, redirectsBlobs: true, auth: { kind: "bearer", ...USER } });
    const { descriptor } = await sampleInto(registry, "a");
    const hosts = [registry.host, registry.tokenHost, registry.storageHost].map((host) => `http://${host}`);
    const { open } = await serve(`default-src 'self'; connect-src 'self' ${hosts.join(" ")}`);
    const page = await open();
    const pulled = page.evaluate(([name, token]) => registries.pull(name, token), [
      `${registry.host}/a:1`,
      registry.tokenHost,
    ] as const);
    expect(await pulled).toBe(descriptor.digest);
    const stored = registry.requests.filter(({ server, method }) => server === "storage" && method === "GET");
    expect(stored.map(({ status }) => status)).toEqual([200, 200, 200]);
    for (const { headers } of stored) expect(headers.authorization).toBeUndefined();
  });

  it("says that a registry lets no page read it, where that is all that is known", async () => {
    const registry = await start({});
    const { open } = await serve(`default-src 'self'; connect-src 'self' http://${registry.host}`);
    const page = await open();
    expect(await page.evaluate((name) => registries.pull(name, ""), `${registry.host}/a:1`)).toMatch(/CORS|relay/);
  });
});

describe("a relay of the page's own origin", () => {
  it("is asked without cookies, and a password that it wants is asked of nobody but the program", async () => {
    const registry = await start({ auth: { kind: "basic", ...USER } });
    registry.repositories.of("a").tags.set("1", "sha256:0");
    const relay = createRegistryRelay({ registries: [registry.host], prefix: "/relay/", insecure: true });
    const cookies: (string | undefined)[] = [];
    const route: PageRoute = async (request, response) => {
      cookies.push(request.headers.cookie);
      const headers = new Headers();
      for (const [key, value] of Object.entries(request.headers))
        if (typeof value === "string") headers.set(key, value);
      const answer = await relay.fetch(new Request(`http://${request.headers.host}${request.url}`, { headers }));
      response.writeHead(answer?.status ?? 404, Object.fromEntries(answer?.headers ?? []));
      response.end(Buffer.from((await answer?.arrayBuffer()) ?? new ArrayBuffer()));
    };
    const path = `/relay/${registry.host}/v2/a/tags/list`;
    const { context, origin, open } = await serve("default-src 'self'", { [path]: route }, { httpCredentials: USER });
    await context.addCookies([{ name: "session", value: "1", url: origin }]);
    const page = await open();
    const name = `${registry.host}/a`;
    // The browser knows the password. Without it, it would show a dialog of its own in the middle of a program.
    expect(await page.evaluate((to) => registries.tags(to, { relay: "/relay/" }), name)).toContain("UNAUTHORIZED");
    const known = await page.evaluate(
      (to) => registries.tags(to, { relay: "/relay/", credentials: () => ({ username: "user", password: "secret" }) }),
      name,
    );
    expect(known).toEqual(["1"]);
    expect(new Set(cookies)).toEqual(new Set([undefined]));
  });
});
