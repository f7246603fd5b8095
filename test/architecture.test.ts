import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "..");
const source = join(root, "src");

/** The rooms from the bottom up: a room imports only itself and rooms that stand before it. */
const ROOMS = [
  "errors",
  "progress",
  "bytes",
  "random",
  "host",
  "conformance",
  "oci",
  "hash",
  "tar",
  "compress",
  "content",
  "images",
  "snapshots",
  "diff",
  "exporter",
  "archive",
  "mutate",
  "transfer",
  "registry",
  "frontend",
  "index",
  "browser",
  "cloudflare",
  "node",
  "deno",
  "hash-wasm",
  "cli",
] as const;
type Room = (typeof ROOMS)[number];

const EDGES: ReadonlySet<Room> = new Set(["browser", "cloudflare", "deno", "node", "hash-wasm", "cli"]);

/** Edges that stand on another one: Deno has Node's own API, and adds to it. */
const EDGE_ON_EDGE: Readonly<Partial<Record<Room, readonly Room[]>>> = { deno: ["node"] };

/** What comes from npm, and who may use it. */
const PACKAGES: Readonly<Record<string, readonly Room[]>> = {
  fflate: ["compress", "frontend"],
  fzstd: ["compress"],
  "hash-wasm": ["hash-wasm"],
  "idb-keyval": ["browser"],
  commander: ["cli"],
  "log-update": ["cli"],
};

/** Names of runtimes, and what would make a result depend on the moment or on chance. */
const FORBIDDEN_IN_CORE = new Set([
  "Buffer",
  "Bun",
  "Deno",
  "WebAssembly",
  "caches",
  "console",
  "document",
  "global",
  "indexedDB",
  "localStorage",
  "navigator",
  "performance",
  "process",
  "require",
  "setImmediate",
  "window",
]);

/** The one place that looks at the host, for those that choose what is faster. */
const LOOKS_AT_THE_HOST: Readonly<Record<string, readonly string[]>> = { "src/host.ts": ["process"] };

/** Who waits for a registry needs a clock, and chance so that not all come back at once. */
const HAS_A_CLOCK: ReadonlySet<string> = new Set(["src/registry/timers.ts"]);

/** All that has to do with images and needs no registry. */
const IMAGE_ROOMS: readonly Room[] = [
  "errors",
  "progress",
  "bytes",
  "random",
  "oci",
  "host",
  "hash",
  "tar",
  "compress",
  "content",
  "images",
  "snapshots",
  "diff",
  "exporter",
  "archive",
];

/** Which rooms each package entry may carry. */
const ENTRIES: Readonly<Record<string, readonly Room[]>> = {
  "./oci": ["errors", "oci"],
  "./hash": ["errors", "bytes", "oci", "host", "hash"],
  "./tar": ["errors", "bytes", "tar"],
  "./compress": ["errors", "bytes", "host", "tar", "compress"],
  "./compress/conformance": ["errors", "bytes", "host", "conformance", "tar", "compress"],
  "./content": ["errors", "progress", "bytes", "random", "oci", "host", "hash", "content"],
  "./content/conformance": ["errors", "bytes", "random", "conformance", "oci", "host", "hash", "content"],
  "./images": ["errors", "oci", "images"],
  "./images/conformance": ["errors", "conformance", "oci", "images"],
  "./snapshots": ["errors", "progress", "bytes", "random", "oci", "host", "hash", "tar", "content", "snapshots"],
  "./snapshots/conformance": [
    "errors",
    "progress",
    "bytes",
    "conformance",
    "oci",
    "host",
    "hash",
    "tar",
    "content",
    "snapshots",
  ],
  "./diff": [
    "errors",
    "progress",
    "bytes",
    "random",
    "oci",
    "host",
    "hash",
    "tar",
    "compress",
    "content",
    "snapshots",
    "diff",
  ],
  "./exporter": [
    "errors",
    "progress",
    "bytes",
    "random",
    "oci",
    "host",
    "hash",
    "tar",
    "compress",
    "content",
    "images",
    "snapshots",
    "diff",
    "exporter",
  ],
  "./archive": IMAGE_ROOMS,
  "./mutate": [...IMAGE_ROOMS, "mutate"],
  "./transfer": [...IMAGE_ROOMS, "mutate", "transfer"],
  "./registry": [...IMAGE_ROOMS, "mutate", "transfer", "registry"],
};

const files = readdirSync(source, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => join(source, name))
  .sort();

function roomOf(file: string): Room {
  const first = relative(source, file).split(/[/\\]/)[0] ?? "";
  const name = first.replace(/\.ts$/, "");
  const room = ROOMS.find((candidate) => candidate === name);
  if (room === undefined) throw new Error(`src/${relative(source, file)} is in no room that this test knows`);
  return room;
}

interface Import {
  readonly specifier: string;
  /** Erased when compiled: it costs the importing entry nothing. */
  readonly typeOnly: boolean;
}

function parse(file: string): ts.SourceFile {
  return ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.ESNext, true);
}

function importsOf(file: string): readonly Import[] {
  const found: Import[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      found.push({ specifier: node.moduleSpecifier.text, typeOnly: node.importClause?.isTypeOnly === true });
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
      found.push({ specifier: node.moduleSpecifier.text, typeOnly: node.isTypeOnly });
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      if (argument && ts.isStringLiteral(argument)) found.push({ specifier: argument.text, typeOnly: false });
    }
    ts.forEachChild(node, visit);
  };
  visit(parse(file));
  return found;
}

/** All files that loading `entry` loads. */
function closureOf(entry: string): ReadonlySet<string> {
  const reached = new Set<string>();
  const visit = (file: string): void => {
    if (reached.has(file)) return;
    reached.add(file);
    for (const { specifier, typeOnly } of importsOf(file)) {
      if (!typeOnly && specifier.startsWith(".")) visit(resolve(dirname(file), specifier));
    }
  };
  visit(entry);
  return reached;
}

const mayUseEdge = (room: Room, edge: Room): boolean => room === "cli" || EDGE_ON_EDGE[room]?.includes(edge) === true;

describe("the house", () => {
  it("has sources", () => {
    expect(files.length).toBeGreaterThan(20);
  });

  for (const file of files) {
    const name = relative(root, file);
    const room = roomOf(file);

    it(`${name} imports only from its own room and the rooms below`, () => {
      const wrong: string[] = [];
      for (const { specifier } of importsOf(file)) {
        if (specifier.startsWith(".")) {
          const target = resolve(dirname(file), specifier);
          if (!target.startsWith(source)) {
            if (specifier.endsWith("package.json") && EDGES.has(room)) continue;
            wrong.push(`${specifier} leaves src`);
          } else if (!existsSync(target)) {
            wrong.push(`${specifier} does not exist (specifiers end in .ts)`);
          } else if (ROOMS.indexOf(roomOf(target)) > ROOMS.indexOf(room)) {
            wrong.push(`${specifier} stands above`);
          } else if (EDGES.has(roomOf(target)) && roomOf(target) !== room && !mayUseEdge(room, roomOf(target))) {
            wrong.push(`${specifier} is another edge`);
          } else if (room === "cli" && roomOf(target) !== "cli" && !target.endsWith("index.ts")) {
            wrong.push(`${specifier} is not public: the command line stands on what users can import`);
          }
        } else if (specifier.startsWith("node:")) {
          if (!EDGES.has(room)) wrong.push(`${specifier} belongs to the edges`);
        } else {
          const allowed = PACKAGES[specifier.split("/")[0] ?? ""];
          if (!allowed?.includes(room)) wrong.push(`the package ${specifier} may not be used here`);
        }
      }
      expect(wrong).toEqual([]);
    });

    if (!EDGES.has(room)) {
      it(`${name} names no runtime, no clock and no chance`, () => {
        const wrong: string[] = [];
        const own = new Set([...declaredIn(parse(file)), ...(LOOKS_AT_THE_HOST[name] ?? [])]);
        const visit = (node: ts.Node): void => {
          if (ts.isIdentifier(node) && FORBIDDEN_IN_CORE.has(node.text) && !own.has(node.text) && isReference(node)) {
            wrong.push(node.text);
          }
          if (ts.isPropertyAccessExpression(node)) {
            const text = `${node.expression.getText()}.${node.name.text}`;
            const timing = text === "Date.now" || text === "Math.random";
            if ((timing && !HAS_A_CLOCK.has(name)) || text === "ReadableStream.from") wrong.push(text);
          }
          if (ts.isNewExpression(node) && node.expression.getText() === "Date" && !node.arguments?.length) {
            wrong.push("new Date()");
          }
          ts.forEachChild(node, visit);
        };
        visit(parse(file));
        expect(wrong).toEqual([]);
      });
    }
  }
});

/** Names that a file declares itself: a sliding `window` is not the browser's. */
function declaredIn(file: ts.SourceFile): ReadonlySet<string> {
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (
      (ts.isVariableDeclaration(node) || ts.isParameter(node) || ts.isBindingElement(node)) &&
      ts.isIdentifier(node.name)
    ) {
      names.add(node.name.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return names;
}

/** Whether an identifier stands for a variable, not for a property, a parameter or a member's name. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) && parent.name === node)
    return parent.expression.getText() === "globalThis";
  return !(
    (ts.isPropertyAssignment(parent) && parent.name === node) ||
    (ts.isPropertySignature(parent) && parent.name === node) ||
    (ts.isPropertyDeclaration(parent) && parent.name === node) ||
    (ts.isMethodDeclaration(parent) && parent.name === node) ||
    (ts.isMethodSignature(parent) && parent.name === node) ||
    (ts.isParameter(parent) && parent.name === node) ||
    (ts.isVariableDeclaration(parent) && parent.name === node) ||
    (ts.isBindingElement(parent) && parent.propertyName === node)
  );
}

describe("the package entries", () => {
  const manifest: { exports: Record<string, string | { types: string; default: string }> } = JSON.parse(
    readFileSync(join(root, "package.json"), "utf8"),
  );
  const sourceOf = (target: string): string => join(root, target.replace("./dist/", "src/").replace(/\.js$/, ".ts"));

  for (const [entry, target] of Object.entries(manifest.exports)) {
    if (typeof target === "string") continue;

    it(`slipway${entry.slice(1)} has a source and its types beside it`, () => {
      expect(existsSync(sourceOf(target.default))).toBe(true);
      expect(target.types.replace(/\.d\.ts$/, "")).toBe(target.default.replace(/\.js$/, ""));
    });

    const allowed = ENTRIES[entry];
    if (allowed) {
      it(`slipway${entry.slice(1)} carries only its own rooms`, () => {
        const rooms = new Set([...closureOf(sourceOf(target.default))].map(roomOf));
        expect([...rooms].filter((room) => !allowed.includes(room))).toEqual([]);
      });
    }
  }

  it("knows which rooms every core entry may carry", () => {
    const edges = [".", "./package.json", ...[...EDGES].map((edge) => `./${edge}`)];
    const core = Object.keys(manifest.exports).filter((entry) => !edges.includes(entry));
    expect(core.filter((entry) => !(entry in ENTRIES))).toEqual([]);
  });

  it("slipway carries no edge, no conformance suite and no command line", () => {
    const rooms = new Set([...closureOf(join(source, "index.ts"))].map(roomOf));
    expect([...rooms].filter((room) => EDGES.has(room) || room === "conformance")).toEqual([]);
  });
});
