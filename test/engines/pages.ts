import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { firefox } from "playwright";
import { bundleModule } from "../support/bundle.ts";
import { launchChromium } from "../support/chromium.ts";
import { bodyOf, MODULE_PAGE, type PageRoute, servePages } from "../support/page-server.ts";
import { hasTool, toolPath } from "../support/tools.ts";
import { DEFAULT_TIMEOUT, type Engine, type RunOptions, resultOf } from "./engine.ts";

/** Runs a program in a page and posts back what it gave: no driver is needed for that, only something that opens an address. */
const MAIN: PageRoute = {
  type: "text/javascript",
  body: `
    import { run } from "/program.js";
    const version = navigator.userAgent;
    let outcome;
    try {
      const argument = await (await fetch("/argument")).json();
      outcome = { version, value: (await run(argument)) ?? null };
    } catch (error) {
      outcome = { version, failure: (error?.message ?? error) + "\\n" + error?.stack };
    }
    await fetch("/outcome", { method: "POST", body: JSON.stringify(outcome) });
  `,
};

interface PageEngine {
  readonly name: string;
  readonly missing?: string | undefined;
  /** Opens an address in a fresh profile. @returns what closes it again */
  readonly open: (address: string) => Promise<() => Promise<void>>;
}

const lacking = (...tools: readonly string[]): string | undefined => {
  const missing = tools.filter((tool) => !hasTool(tool));
  return missing.length === 0 ? undefined : missing.join(", ");
};

/** Debian's places for the small browser that comes with WebKitGTK; it is on no PATH. */
const miniBrowser = ["4.1", "4.0"]
  .flatMap((version) =>
    ["x86_64", "aarch64"].map((cpu) => `/usr/lib/${cpu}-linux-gnu/webkit2gtk-${version}/MiniBrowser`),
  )
  .find(existsSync);

/** Chromium from npm or the system, Firefox and WebKitGTK where they are installed. */
export const pageEngines: readonly Engine[] = [
  { name: "Chromium", open: openChromium },
  { name: "Firefox", missing: lacking("firefox-esr"), open: openFirefox },
  {
    name: "WebKit",
    missing: lacking("Xvfb") ?? (miniBrowser === undefined ? "MiniBrowser (webkit2gtk)" : undefined),
    open: openWebKit,
  },
].map(pageEngine);

function pageEngine({ name, missing, open }: PageEngine): Engine {
  return {
    name,
    missing,
    async run(program, { argument = null, timeout = DEFAULT_TIMEOUT, policy }: RunOptions = {}) {
      const module = await bundleModule(join(program, "page.ts"));
      let answer = (_text: string): void => undefined;
      const outcome = new Promise<string>((resolve) => {
        answer = resolve;
      });
      const routes: Readonly<Record<string, PageRoute>> = {
        "/": MODULE_PAGE,
        "/main.js": MAIN,
        "/program.js": { type: "text/javascript", body: module },
        "/argument": { type: "application/json", body: JSON.stringify(argument) },
        "/outcome": async (request, response) => {
          answer(await bodyOf(request));
          response.end();
        },
      };
      const server = await servePages(routes, policy);
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`${name}: no outcome after ${timeout} ms`)), timeout);
      });
      const close = await open(`${server.origin}/`);
      try {
        return resultOf(name, await Promise.race([outcome, late]));
      } finally {
        clearTimeout(timer);
        await close();
        await server.close();
      }
    },
  };
}

async function openChromium(address: string): Promise<() => Promise<void>> {
  const browser = await launchChromium();
  const page = await browser.newPage();
  await page.goto(address);
  return () => browser.close();
}

async function openFirefox(address: string): Promise<() => Promise<void>> {
  // It makes folders in its home.
  const home = mkdtempSync(join(tmpdir(), "slipway-firefox-"));
  const browser = await firefox.launch({
    executablePath: toolPath("firefox-esr") ?? "",
    channel: "moz-firefox",
    env: { PATH: process.env.PATH ?? "", HOME: home },
  });
  const page = await browser.newPage();
  await page.goto(address);
  return async () => {
    await browser.close();
    rmSync(home, { recursive: true, force: true });
  };
}

async function openWebKit(address: string): Promise<() => Promise<void>> {
  const home = mkdtempSync(join(tmpdir(), "slipway-webkit-"));
  mkdirSync(join(home, "runtime"), { mode: 0o700 });
  const display = await startDisplay();
  const env = {
    PATH: process.env.PATH ?? "",
    HOME: home,
    XDG_RUNTIME_DIR: join(home, "runtime"),
    DISPLAY: display.name,
    WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1",
    WEBKIT_DISABLE_COMPOSITING_MODE: "1",
    LIBGL_ALWAYS_SOFTWARE: "1",
  };
  const child = spawn(miniBrowser ?? "", [address], { env, stdio: "ignore" });
  return async () => {
    await stop(child);
    await stop(display.server);
    rmSync(home, { recursive: true, force: true });
  };
}

/** A virtual screen that chooses its own number. */
async function startDisplay(): Promise<{ readonly name: string; readonly server: ChildProcess }> {
  const server = spawn("Xvfb", ["-displayfd", "3", "-screen", "0", "1024x768x24", "-nolisten", "tcp"], {
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  const [number] = (await once(server.stdio[3] as NodeJS.ReadableStream, "data")) as [Buffer];
  return { name: `:${number.toString().trim()}`, server };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, "exit");
  child.kill();
  await closed;
}
