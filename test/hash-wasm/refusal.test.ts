import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { isSlipwayError } from "../../src/errors.ts";
import { createWasmHasher } from "../../src/hash-wasm/index.ts";
import { bundleModule } from "../support/bundle.ts";
import { launchChromium } from "../support/chromium.ts";
import { MODULE_PAGE, STRICT_POLICY, servePages } from "../support/page-server.ts";
import { startWorker } from "../support/workerd.ts";

const kept = globalThis.WebAssembly;
afterEach(() => {
  globalThis.WebAssembly = kept;
});

/** What the message of a refusal says, whichever engine it is. */
const REFUSAL =
  /^UNSUPPORTED: Cannot hash with WebAssembly: .+; use hostHasher or pureHasher of slipway\/hash instead \(cause: .+\)$/;

/** What the page's `attempt` gives under a Content Security Policy. */
async function attemptUnder(policy: string): Promise<string> {
  const browser = await launchChromium();
  const server = await servePages(
    {
      "/": MODULE_PAGE,
      "/main.js": {
        type: "text/javascript",
        body: 'import { attempt } from "/module.js"; document.title = await attempt();',
      },
      "/module.js": { type: "text/javascript", body: await bundleModule(join(import.meta.dirname, "attempt.ts")) },
    },
    policy,
  );
  try {
    const page = await browser.newPage();
    await page.goto(server.origin);
    await page.waitForFunction(() => document.title !== "Slipway");
    return await page.title();
  } finally {
    await browser.close();
    await server.close();
  }
}

describe("hashing in WebAssembly", () => {
  it("is refused where there is none, by a sentence that names what to use instead", async () => {
    // @ts-expect-error: so it is in some runtimes
    delete globalThis.WebAssembly;
    const error = await createWasmHasher().catch((refusal: unknown) => refusal);
    expect(isSlipwayError(error, "UNSUPPORTED") && `${error.message} ${error.cause}`).toBe(
      "Cannot hash with WebAssembly: this runtime has none; use hostHasher or pureHasher of slipway/hash instead" +
        " Error: WebAssembly is not supported in this environment!",
    );
  });

  it("is refused to a page whose policy does not allow it", async () => {
    expect(await attemptUnder(STRICT_POLICY)).toMatch(REFUSAL);
  });

  it("works in a page whose policy allows it", async () => {
    expect(await attemptUnder("default-src 'self'; script-src 'self' 'wasm-unsafe-eval'")).toBe(
      "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
  });

  it("is refused in workerd", async () => {
    const worker = await startWorker(join(import.meta.dirname, "attempt.ts"));
    try {
      expect(await (await worker.dispatchFetch("http://127.0.0.1/")).text()).toMatch(REFUSAL);
    } finally {
      await worker.dispose();
    }
  });
});
