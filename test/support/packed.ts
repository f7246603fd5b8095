import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { root, run } from "./processes.ts";
import { temporaryRoot } from "./temporary.ts";

/** What the tests read in a `package.json`. */
export interface PackageManifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
}

/** The project's own. */
export const manifest: PackageManifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** The names by which users import the package's modules. */
export const entries: readonly string[] = Object.entries(manifest.exports).flatMap(([entry, target]) =>
  typeof target === "string" ? [] : [`slipway${entry.slice(1)}`],
);

/** The file that `npm publish` would send. `npm test` has built what goes into it. */
export async function packedTarball(): Promise<string> {
  const directory = temporaryRoot();
  const args = ["pack", "--ignore-scripts", "--json", "--pack-destination", directory];
  const { status, stdout, stderr } = await run("npm", args);
  if (status !== 0) throw new Error(`npm pack ended with ${status}: ${stderr}`);
  const [packed] = JSON.parse(stdout) as readonly { readonly filename: string }[];
  return join(directory, packed?.filename ?? "");
}

/**
 * An empty project in which the packed package is installed, with its dependencies and nothing else.
 * @returns its folder
 */
export async function installedPackage(tarball: string): Promise<string> {
  const project = temporaryRoot();
  const modules = join(project, "node_modules");
  mkdirSync(modules);
  const { status, stderr } = await run("tar", ["-C", modules, "-xzf", tarball]);
  if (status !== 0) throw new Error(`tar ended with ${status}: ${stderr}`);
  renameSync(join(modules, "package"), join(modules, "slipway"));
  for (const name of Object.keys(manifest.dependencies)) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(root, "node_modules", name), join(modules, name));
  }
  const own = { name: "project", type: "module", dependencies: { slipway: manifest.version } };
  writeFileSync(join(project, "package.json"), JSON.stringify(own));
  return project;
}
