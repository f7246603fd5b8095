import { once } from "node:events";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Browser, firefox, type LaunchOptions, type Page } from "playwright";
import { bundlePage } from "../support/bundle-text.ts";
import { chromiumOptions, launchChromium } from "../support/chromium.ts";
import { bodyOf, MODULE_PAGE, type PageRoute, servePages } from "../support/page-server.ts";
import { hasTool, toolPath } from "../support/programs.ts";
import { DEFAULT_TIMEOUT, type Engine, type RunOptions, resultOf } from "./engine.ts";
import { type Resources, withResources } from "./resources.ts";

/** Runs a program in a page and posts back what it gave: no driver is needed for that, only something that opens an address. */
const MAIN: PageRoute = {
  type: "text/javascript",
  body: `
    const version = navigator.userAgent;
    let outcome;
    try {
      const { run } = await import("/program.js");
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
  /** Finds the version in what `navigator.userAgent` says. */
  readonly version: RegExp;
  /** Opens an address in a fresh profile. */
  readonly open: (address: string, resources: Resources) => Promise<void>;
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

/** Milliseconds that a browser may take to start or to open a page: on a busy machine the half minute of Playwright is short. */
const START_TIMEOUT = 120_000;

/** The resources end what this process started when it is ended by a signal. */
const LAUNCH: LaunchOptions = {
  timeout: START_TIMEOUT,
  handleSIGINT: false,
  handleSIGTERM: false,
  handleSIGHUP: false,
};

/** Chromium from npm or the system, Firefox and WebKitGTK where they are installed. */
export const pageEngines: readonly Engine[] = [
  { name: "Chromium", version: /Chrome\/([\d.]+)/, open: openChromium },
  { name: "Firefox", missing: lacking("firefox-esr"), version: /Firefox\/([\d.]+)/, open: openFirefox },
  {
    name: "WebKit",
    missing: lacking("Xvfb") ?? (miniBrowser === undefined ? "MiniBrowser (webkit2gtk)" : undefined),
    version: /Version\/([\d.]+)/,
    open: openWebKit,
  },
].map(pageEngine);

function pageEngine({ name, missing, version, open }: PageEngine): Engine {
  return {
    name,
    missing,
    async run(program, { argument = null, timeout = DEFAULT_TIMEOUT, policy }: RunOptions = {}) {
      return await withResources(name, timeout, async (resources) => {
        const { code, workers } = await bundlePage(join(program, "page.ts"));
        let answer = (_text: string): void => undefined;
        const outcome = new Promise<string>((resolve) => {
          answer = resolve;
        });
        const routes: Readonly<Record<string, PageRoute>> = {
          "/": MODULE_PAGE,
          "/main.js": MAIN,
          "/program.js": { type: "text/javascript", body: code },
          ...Object.fromEntries(
            Object.entries(workers).map(([path, body]) => [`/${path}`, { type: "text/javascript", body }]),
          ),
          "/argument": { type: "application/json", body: JSON.stringify(argument) },
          "/outcome": async (request, response) => {
            answer(await bodyOf(request));
            response.end();
          },
        };
        const server = await servePages(routes, policy);
        resources.hold("the page server", server.close);
        await open(`${server.origin}/`, resources);
        const result = resultOf(name, await outcome);
        return { ...result, version: version.exec(result.version)?.[1] ?? result.version };
      });
    },
  };
}

async function openChromium(address: string, resources: Resources): Promise<void> {
  const { env } = await chromiumOptions();
  // What it makes for itself while it starts is left behind if it is killed just then.
  const launch = { ...LAUNCH, artifactsDir: resources.directory(), env: { ...env, TMPDIR: resources.directory() } };
  await visit(await launchChromium(launch), address, resources);
}

async function openFirefox(address: string, resources: Resources): Promise<void> {
  const browser = await firefox.launch({
    executablePath: toolPath("firefox-esr") ?? "",
    channel: "moz-firefox",
    ...LAUNCH,
    artifactsDir: resources.directory(),
    // It makes folders in its home.
    env: { PATH: process.env.PATH ?? "", HOME: resources.directory() },
  });
  await visit(browser, address, resources);
}

async function visit(browser: Browser, address: string, resources: Resources): Promise<void> {
  const name = browser.browserType().name();
  let closing = false;
  resources.hold(name, async () => {
    closing = true;
    await browser.close();
  });
  browser.once("disconnected", () => {
    if (!closing) resources.fail(new Error(`${name} ended before its page had a result`));
  });
  const page: Page = await browser.newPage();
  page.once("crash", () => resources.fail(new Error(`the page crashed in ${name}`)));
  await page.goto(address, { timeout: START_TIMEOUT });
}

async function openWebKit(address: string, resources: Resources): Promise<void> {
  const home = resources.directory();
  mkdirSync(join(home, "runtime"), { mode: 0o700 });
  const env = {
    PATH: process.env.PATH ?? "",
    HOME: home,
    XDG_RUNTIME_DIR: join(home, "runtime"),
    DISPLAY: await startDisplay(resources),
    WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1",
    WEBKIT_DISABLE_COMPOSITING_MODE: "1",
    LIBGL_ALWAYS_SOFTWARE: "1",
  };
  const browser = resources.start(miniBrowser ?? "", [address], { env, stdio: "ignore" });
  browser.once("exit", (code, signal) => {
    resources.fail(new Error(`MiniBrowser ended with ${code ?? signal} before its page had a result`));
  });
}

/** A virtual screen that chooses its own number. @returns its name */
async function startDisplay(resources: Resources): Promise<string> {
  const server = resources.start("Xvfb", ["-displayfd", "3", "-screen", "0", "1024x768x24", "-nolisten", "tcp"], {
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  server.once("exit", (code, signal) => resources.fail(new Error(`Xvfb ended with ${code ?? signal}`)));
  const [number] = (await once(server.stdio[3] as NodeJS.ReadableStream, "data")) as [Buffer];
  return `:${number.toString().trim()}`;
}
