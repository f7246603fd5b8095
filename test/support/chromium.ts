import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { brotliDecompressSync } from "node:zlib";
import { type Browser, chromium, type LaunchOptions } from "playwright";
import { createMemoryContentStore } from "../../src/content/index.ts";
import { applyLayer } from "../../src/diff/index.ts";
import { writeRootfs } from "../../src/node/index.ts";
import { createSnapshotter } from "../../src/snapshots/index.ts";
import { toolPath } from "./programs.ts";

const root = resolve(import.meta.dirname, "../..");

/** What every Chromium of the tests is started with: no sandbox (tests run as root), and nothing that would leave loopback. */
const ARGUMENTS: readonly string[] = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

let found: Promise<LaunchOptions> | undefined;

/** Launches a headless Chromium: `$SLIPWAY_CHROMIUM`, the system's, Playwright's own, or the one that comes from npm. */
export async function launchChromium(options: LaunchOptions = {}): Promise<Browser> {
  return await chromium.launch({ ...(await chromiumOptions()), ...options });
}

/** How that Chromium is started by Playwright. */
export function chromiumOptions(): Promise<LaunchOptions> {
  found ??= findChromium();
  return found;
}

async function findChromium(): Promise<LaunchOptions> {
  const executablePath =
    process.env.SLIPWAY_CHROMIUM ?? toolPath("chromium") ?? toolPath("chromium-browser") ?? toolPath("google-chrome");
  // File names are UTF-8, whatever the machine's own locale says.
  const env = { ...process.env, LC_ALL: "C.UTF-8" };
  if (executablePath !== undefined) return { executablePath, args: [...ARGUMENTS], env: withoutUndefined(env) };
  if (existsSync(chromium.executablePath())) return { args: [...ARGUMENTS], env: withoutUndefined(env) };
  const directory = await unpackedChromium();
  // The package's libraries are for this program only: not for the tests' other children.
  const withLibraries = withoutUndefined({ ...env, LD_LIBRARY_PATH: join(directory, "lib") });
  return { executablePath: join(directory, "chromium"), args: [...ARGUMENTS], env: withLibraries };
}

/** The Chromium of `@sparticuz/chromium`, unpacked once into a cache folder of the project, with the libraries that it needs. */
async function unpackedChromium(): Promise<string> {
  const packed = join(root, "node_modules/@sparticuz/chromium");
  const { version } = JSON.parse(readFileSync(join(packed, "package.json"), "utf8")) as { readonly version: string };
  const cache = join(root, ".cache");
  const target = join(cache, `chromium-${version}`);
  if (existsSync(target)) return target;
  mkdirSync(cache, { recursive: true });
  const unpacking = mkdtempSync(join(cache, "unpacking-"));
  const unpack = (name: string): Buffer => brotliDecompressSync(readFileSync(join(packed, "bin", name)));
  const content = createMemoryContentStore();
  const work = await createSnapshotter({ content }).prepare("libraries");
  await applyLayer(work, unpack("al2023.tar.br"));
  await writeRootfs(await work.tree(), content, unpacking);
  writeFileSync(join(unpacking, "chromium"), unpack("chromium.br"), { mode: 0o755 });
  try {
    renameSync(unpacking, target);
  } catch (error) {
    rmSync(unpacking, { recursive: true });
    // Another test process was faster.
    if (!existsSync(target)) throw error;
  }
  return target;
}

function withoutUndefined(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
}
