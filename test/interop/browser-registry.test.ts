import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { createMemoryContentStore } from "../../src/content/index.ts";
import { createRegistry } from "../../src/registry/index.ts";
import { type RunningRelay, startRelay } from "../cloudflare/relay/start.ts";
import { engines } from "../engines/index.ts";
import type { ExchangeArgument, ExchangeFacts } from "../runtimes/registry/exchange.ts";
import { sampleImage } from "../support/sample-image.ts";
import { hasTool, itIf } from "../support/tools.ts";
import { DOCKER_REGISTRY, HTPASSWD, type RegistryDaemon, startRegistry } from "./support/registry.ts";

const program = join(import.meta.dirname, "../runtimes/registry");
const USER = { username: "user", password: "secret" };
const missing = hasTool(DOCKER_REGISTRY) ? undefined : DOCKER_REGISTRY;

describe("a page and real registries", () => {
  /** Says nothing that lets pages read it. */
  let closed: RegistryDaemon;
  /** Says what the documentation of docker-registry has for pages. */
  let open: RegistryDaemon;
  /** Asks for a user, and lets no page in. */
  let guarded: RegistryDaemon;
  let relay: RunningRelay;
  let policy = "";

  beforeAll(async () => {
    if (missing !== undefined) return;
    closed = await startRegistry();
    open = await startRegistry({ cors: true });
    guarded = await startRegistry({ htpasswd: HTPASSWD });
    relay = await startRelay({ registries: [closed.host, guarded.host], actions: ["pull", "push"], origins: "*" });
    policy = `default-src 'self'; connect-src 'self' ${relay.origin} http://${open.host}`;
    const base = await sampleImage(createMemoryContentStore(), {
      layers: [{ "etc/base": "base\n" }, { "bin/large": new Uint8Array(5_000_000).map((_, at) => (at * at) % 251) }],
    });
    await createRegistry().push(base, `${closed.host}/base:1`);
  });
  afterAll(async () => {
    for (const daemon of [closed, open, guarded]) await daemon?.stop();
    await relay?.stop();
  });

  const exchange = async (name: string, argument: Partial<ExchangeArgument>): Promise<readonly ExchangeFacts[]> => {
    const engine = engines.find((one) => one.name === name);
    const from = `${closed.host}/base:1`;
    const result = await engine?.run(program, { policy, argument: { from, relay: relay.address, ...argument } });
    return result?.value as readonly ExchangeFacts[];
  };
  const inNode = async (): Promise<string | undefined> =>
    (await exchange("Node", { relay: undefined, to: `${closed.host}/by-node` }))[0]?.pushed;

  for (const { name, missing: absent } of engines.filter(({ name }) => ["Chromium", "Firefox"].includes(name))) {
    const page = name.toLowerCase();

    const pushesDirectly = async (): Promise<void> => {
      const facts = await exchange(name, { to: `${open.host}/by-${page}` });
      expect(facts.map(({ pushed }) => pushed)).toEqual(facts.map(() => facts[0]?.made));
      expect(facts[0]?.made).toBe(await inNode());
    };
    itIf(
      missing ?? absent,
      `pull through a relay and push directly the same image as Node does: ${name}`,
      pushesDirectly,
      310_000,
    );

    const pushesThroughRelay = async (): Promise<void> => {
      const to = `${guarded.host}/by-${page}`;
      const facts = await exchange(name, { to, pushRelay: relay.address, user: USER });
      expect(facts[0]?.pushed).toBe(await inNode());
      // The registry has all of it, and gives it to who knows the password.
      const own = createRegistry({ credentials: () => USER });
      expect((await own.repository(to).resolve("memory")).digest).toBe(facts[0]?.pushed);
    };
    itIf(missing ?? absent, `push through a relay with a password: ${name}`, pushesThroughRelay, 310_000);
  }
});
