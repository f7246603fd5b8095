import { writeArchive } from "../../src/archive/index.ts";
import { concatBytes } from "../../src/bytes.ts";
import { decompress, gzip } from "../../src/compress/index.ts";
import { type ContentStore, readBlob } from "../../src/content/index.ts";
import { createExporter } from "../../src/exporter/create-exporter.ts";
import type { ExporterOptions, ExportOptions } from "../../src/exporter/exporter.ts";
import type { ImageConfigOptions } from "../../src/exporter/index.ts";
import { hostHasher, toDigest } from "../../src/hash/index.ts";
import type { Descriptor } from "../../src/oci/index.ts";
import { createSnapshotter } from "../../src/snapshots/index.ts";
import type { HostStores } from "../engines/hosts/host.ts";
import { type FixtureOptions, makeFixture } from "./fixture.ts";

/** Where the fixture is built and exported. */
export type FixtureStores = Omit<HostStores, "close">;

/**
 * What an export of the fixture came to, by what it is: trees, layers, documents, the archive, in the order in which they are
 * made, so that the first one that differs is the nearest to the cause.
 */
export type Facts = Readonly<Record<string, string>>;

/** An export, and whether each layer of it was there before. */
export interface FixtureExport {
  readonly facts: Facts;
  readonly cached: readonly boolean[];
}

/** How {@link exportFixture} exports. */
export type FixtureExportOptions = FixtureOptions & Pick<ExporterOptions, "compression" | "compressionLevel">;

/** Builds the fixture, exports it as an image of two platforms, and writes that into an archive. */
export async function exportFixture(stores: FixtureStores, options: FixtureExportOptions): Promise<FixtureExport> {
  const { content, metadata, images, flights } = stores;
  const { compression, compressionLevel, signal, onProgress } = options;
  const snapshots = createSnapshotter({ content, metadata, sources: "reference" });
  const { chain, sibling } = await makeFixture(snapshots, options);
  const facts: Record<string, string> = {};
  for (const ref of [...chain, sibling]) {
    facts[`tree of ${ref.key.split(" ").at(-1)}`] = (await ref.tree()).root.digest;
  }

  const warnings: string[] = [];
  const exporter = createExporter({ content, metadata, images, snapshots, flights });
  const image = await exporter
    .resolve({
      name: "example.org/fixture:1",
      compression,
      compressionLevel,
      sourceDateEpoch: EPOCH,
      annotations: ANNOTATIONS,
      onWarning: (message) => warnings.push(message),
    })
    .export(
      [
        { platform: { os: "linux", architecture: "amd64" }, ref: chain[3], config: CONFIG },
        { platform: { os: "linux", architecture: "arm", variant: "v7" }, ref: sibling, config: OTHER_CONFIG },
      ],
      definedOnly({ signal, onProgress }),
    );
  for (const { platform, layers, config, descriptor } of image.manifests) {
    const name = `${platform.os}/${platform.architecture}`;
    for (const [i, { diffID }] of layers.entries()) facts[`${name} diffID ${i + 1}`] = diffID;
    for (const [i, layer] of layers.entries()) facts[`${name} layer ${i + 1}`] = layer.descriptor.digest;
    facts[`${name} config`] = config.digest;
    facts[`${name} manifest`] = descriptor.digest;
  }
  if ((options.many ?? 0) > 0)
    Object.assign(facts, await otherLevels(content, image.manifests[0]?.layers[0]?.descriptor));
  facts.index = image.digest;
  const engine = hostHasher("sha256");
  for await (const chunk of writeArchive(image, definedOnly({ signal }))) engine.update(chunk);
  facts.archive = toDigest("sha256", engine.digest());
  facts.warnings = warnings.join("\n");
  for (const ref of [...chain, sibling]) ref.release();
  return { facts, cached: image.manifests.flatMap(({ layers }) => layers.map((layer) => layer.cached)) };
}

/** Bytes of a layer that are compressed at other levels too. */
const BEGINNING = 4 * 1024 * 1024;

/** The beginning of a layer's tar, with several blocks of small files and of a large one, at levels that the image is not made with. */
async function otherLevels(content: ContentStore, layer: Descriptor | undefined): Promise<Facts> {
  if (layer === undefined) return {};
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of decompress(readBlob(content, layer))) {
    chunks.push(chunk);
    size += chunk.byteLength;
    if (size >= BEGINNING) break;
  }
  const tar = concatBytes(chunks).subarray(0, BEGINNING);
  const facts: Record<string, string> = {};
  for (const level of [1, 3, 9]) {
    const engine = hostHasher("sha256");
    for await (const chunk of gzip(tar, { level })) engine.update(chunk);
    facts[`its beginning, gzip ${level}`] = toDigest("sha256", engine.digest());
  }
  return facts;
}

/** 2023-11-14T22:13:20Z: some files are older, some younger. */
const EPOCH = 1_700_000_000;

const ANNOTATIONS = {
  "annotation.org.opencontainers.image.title": "fixture",
  "annotation.org.example.odd": 'a "quoted" <tag> & \u2028 ünï \u{1f433} \ufeff',
  "annotation-index.org.example.index": "10",
  "annotation-manifest-descriptor[linux/amd64].org.example.one": "1",
} as const;

/** Every field; keys in an order that is not theirs, and some that JavaScript would sort by itself. */
const CONFIG: ImageConfigOptions = {
  entrypoint: ["/bin/tool", "--text", '<a & "b">'],
  cmd: ["-x", "ünï", ""],
  env: { Z: "last", LANG: "C.UTF-8", "10": "ten", "9": "nine", EMPTY: "", BOM: "\ufeff" },
  user: "1000:1000",
  workingDir: "/shared",
  labels: { z: "1", a: "2", "10": "3", "9": "4", "\uffff": "5", "\u{1f433}": "6", __proto__x: "7", ünï: "\u2029" },
  exposedPorts: ["8080", "53/UDP", "443/tcp"],
  volumes: ["/var/z", "/var/a"],
  stopSignal: "SIGRTMIN+3",
  healthcheck: { test: ["CMD-SHELL", "true"], interval: 1.5, timeout: 0.001, startPeriod: 60, retries: 3 },
  author: "Ünïcode \u{1f433} <author@example.org>",
  // Younger than the epoch by a part of a second, and in another zone: engines read such times in ways of their own.
  created: "2023-11-15T00:13:20.000000001+02:00",
  history: [
    { createdBy: "COPY base /", comment: "first" },
    { createdBy: 'ENV Z="last"', emptyLayer: true },
    { createdBy: "COPY changed /" },
  ],
};

const OTHER_CONFIG: ImageConfigOptions = {
  cmd: ["/bin/tool"],
  created: "2023-11-14T22:13:19.999999999Z",
};

function definedOnly(options: ExportOptions): ExportOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
