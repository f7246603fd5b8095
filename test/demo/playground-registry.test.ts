import type { Page } from "playwright";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createMemoryContentStore } from "../../src/content/index.ts";
import { build } from "../../src/index.ts";
import { createRegistry } from "../../src/registry/index.ts";
import { type RunningRelay, startRelay } from "../cloudflare/relay/start.ts";
import { startTestRegistry, type TestRegistry } from "../support/registry-server/test-registry.ts";
import { type SampleImage, sampleImage } from "../support/sample-image.ts";
import {
  buildImage,
  downloadArchive,
  dropFiles,
  inventoryOf,
  type Playground,
  ready,
  startPlayground,
  treeItem,
  type Visit,
  visit,
} from "./support/playground.ts";

const USER = { username: "user", password: "secret" };
const credentials = () => USER;

let playground: Playground;
/** Lets no page read it. */
let closed: TestRegistry;
/** Lets pages in, and wants a password. */
let open: TestRegistry;
let relay: RunningRelay;
let base: SampleImage;
let visited: Visit;

beforeAll(async () => {
  closed = await startTestRegistry();
  open = await startTestRegistry({ cors: true, auth: { kind: "basic", ...USER } });
  relay = await startRelay({ registries: [closed.host], origins: "*" });
  base = await sampleImage(createMemoryContentStore(), { config: { Env: ["BASE=1"] } });
  await createRegistry().push(base, `${closed.host}/base:1`);
  playground = await startPlayground();
});
afterAll(async () => {
  await playground?.close();
  await relay?.stop();
  await closed?.stop();
  await open?.stop();
});
afterEach(async () => {
  await visited.context.close();
  // A registry is asked for what it may not have, and for a password: browsers note the answers.
  const own = visited.wrong.filter((text) => !/^requests http:\/\/127|status of 40[14]/.test(text));
  expect(own).toEqual([]);
  const asked = visited.wrong.flatMap((text) => /^requests (http:\/\/[^/]+)/.exec(text)?.[1] ?? []);
  for (const origin of asked) expect([relay.origin, `http://${open.host}`]).toContain(origin);
});

/** The page with the policy that stands in it, and no other: a server of its own says nothing of where requests may go. */
async function openPage(): Promise<Visit> {
  visited = await visit({ ...playground, origin: playground.bareOrigin });
  return visited;
}

async function startFrom({ page }: Visit, reference: string): Promise<void> {
  await page.getByText("Start from an image…").click();
  const form = page.locator("#base");
  await form.getByLabel("Image").fill(reference);
  await form.getByLabel("Relay").fill(relay.address);
  await form.getByRole("button", { name: "Pull" }).click();
}

/** All keys and small values that the page has stored, as text. */
async function everythingStored(page: Page): Promise<string> {
  return await page.evaluate(async () => {
    const done = <T>(request: IDBRequest<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
    const texts: string[] = [JSON.stringify({ ...localStorage, ...sessionStorage }), document.cookie];
    for (const { name = "" } of await indexedDB.databases()) {
      const database = await done(indexedDB.open(name));
      for (const store of database.objectStoreNames) {
        const objects = database.transaction(store).objectStore(store);
        texts.push(JSON.stringify(await done(objects.getAllKeys())));
        for (const value of await done(objects.getAll())) {
          texts.push(value instanceof Uint8Array ? new TextDecoder().decode(value) : JSON.stringify(value));
        }
      }
      database.close();
    }
    return texts.join("\n");
  });
}

describe("the playground and registries", () => {
  it("pulls an image through a relay, builds on it and pushes what it has built", async () => {
    const { page } = await openPage();
    await startFrom(visited, `${closed.host}/base:1`);
    await page.getByText("Images begin with").waitFor();
    expect(await page.locator("[data-field=base]").textContent()).toContain(`${closed.host}/base:1`);

    // It is remembered, and what it consists of is not taken for garbage.
    await page.reload();
    await ready(page);
    expect(await page.locator("[data-field=base]").textContent()).toContain(`${closed.host}/base:1`);
    await dropFiles(page, [{ name: "hello.txt", content: "hello\n" }]);
    await treeItem(page, "/hello.txt").waitFor();
    await page.getByLabel("Name", { exact: true }).fill(`${open.host}/hello:1`);
    const digest = await buildImage(page);
    const expected = await build({
      content: base.content,
      from: base,
      link: true,
      files: { "/hello.txt": "hello\n" },
    });
    expect(digest).toBe(expected.digest);

    await page.getByText("Push to a registry…").click();
    const form = page.locator("#build");
    expect(await form.getByLabel("Image").inputValue()).toBe(`${open.host}/hello:1`);
    await form.getByLabel("Relay").fill("");
    await form.getByRole("button", { name: "Push" }).click();
    // Without a password it is told what is wanted.
    await page.getByRole("alert").filter({ hasText: "(UNAUTHENTICATED)" }).waitFor();
    await form.getByLabel("User", { exact: true }).fill(USER.username);
    await form.getByLabel("Password or token").fill(USER.password);
    await form.getByRole("button", { name: "Push" }).click();
    await page.getByText(/is pushed: sha256:/).waitFor();
    expect(await page.getByRole("alert").count()).toBe(0);
    const pushed = createRegistry({ credentials }).repository(`${open.host}/hello`);
    expect((await pushed.resolve("1")).digest).toBe(digest);

    // The base is in the store: an archive has it too.
    expect((await downloadArchive(page)).name).toMatch(/hello\.tar$/);
    // The password is forgotten with the page.
    await page.reload();
    await ready(page);
    expect(await everythingStored(page)).toContain("playground/base");
    expect(await everythingStored(page)).not.toContain(USER.password);
    await page.getByText("Start from an image…").click();
    expect(await page.getByLabel("Password or token").inputValue()).toBe("");
    expect(await page.getByLabel("Relay").inputValue()).toBe("");
  }, 120_000);

  it("starts from nothing again, and keeps nothing of an image that cannot be pulled", async () => {
    const { page } = await openPage();
    await startFrom(visited, `${closed.host}/absent:1`);
    await page.getByRole("alert").filter({ hasText: "(NOT_FOUND)" }).waitFor();
    expect(await page.locator("[data-field=base]").textContent()).toContain("none");
    await page.locator("#base").getByLabel("Image").fill(`${closed.host}/base:1`);
    await page.locator("#base").getByRole("button", { name: "Pull" }).click();
    await page.getByText("Images begin with").waitFor();
    expect(await page.getByRole("alert").count()).toBe(0);
    await page.getByRole("button", { name: "Start from nothing" }).click();
    await page.locator("[data-field=base]").filter({ hasText: "none" }).waitFor();
    // It is an image of the store like any other.
    await page.getByRole("button", { name: `Delete ${closed.host}/base:1` }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await expect.poll(() => inventoryOf(page)).toEqual({ blobs: [], ingests: [] });
  });
});
