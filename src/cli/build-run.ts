import { readGraph } from "../archive/index.ts";
import type { CompressPool } from "../compress/index.ts";
import { withReferences } from "../content/index.ts";
import type { ExportedImage } from "../exporter/index.ts";
import { createExporter } from "../exporter/index.ts";
import { build } from "../frontend/index.ts";
import type { OperationOptions } from "../index.ts";
import { addDirectory, createCompressPool, nodeHasher, writeFileAtomically } from "../node/index.ts";
import { type Descriptor, isIndex, type Platform } from "../oci/index.ts";
import type { Registry } from "../registry/index.ts";
import { createSnapshotter } from "../snapshots/index.ts";
import type { SourceImage } from "../transfer/index.ts";
import { type BuildCache, withBuildCache } from "./build-cache.ts";
import type { BuildPlan } from "./build-plan.ts";
import { type BuildStores, withBuildStore } from "./build-store.ts";
import type { OutputStream } from "./context.ts";
import { makeParents } from "./host-paths.ts";
import { readIgnoreFile } from "./ignore-file.ts";
import { linuxPlatform } from "./linux-platform.ts";
import { withoutOutputs } from "./own-output.ts";

/** What a build needs besides its plan. */
export interface BuildEnvironment extends OperationOptions {
  readonly stdout: OutputStream;
  readonly warn: (message: string) => void;
  /** Told what is good to know. */
  readonly note: (message: string) => void;
}

/** What came of a build. */
export interface BuildResult {
  readonly image: ExportedImage;
  /** Bytes of the file that was written, where one was. */
  readonly fileSize: number | undefined;
  /** Regular files of the directory, and how many of them were not read, as they are unchanged. */
  readonly files: { readonly files: number; readonly unread: number };
}

/** Runs a build from beginning to end. Whatever ends it early leaves neither output nor anything new in the store. */
export async function runBuild(plan: BuildPlan, environment: BuildEnvironment): Promise<BuildResult> {
  const removals: (() => Promise<void>)[] = [];
  const pool = createCompressPool({ workers: plan.workers, onWarning: environment.warn });
  try {
    // First of all: where nothing can be written, nothing need be built.
    for (const file of filesOf(plan)) removals.push(await makeParents(file));
    const { warn, note, signal } = environment;
    // What went to stdout cannot be taken back.
    const repeatable = (): boolean => plan.output.dest !== "-";
    return await withRegistry(plan, warn, (registry) =>
      withBuildCache(plan.cache, { note, warn, repeatable, signal }, (cache) => {
        const run = (stores: BuildStores) => buildIn(stores, { cache, pool, registry }, plan, environment);
        return plan.store === undefined && cache !== undefined ? run(cache.stores) : withBuildStore(plan.store, run);
      }),
    );
  } catch (error) {
    for (const remove of removals.reverse()) await remove();
    // An operation that was told to stop may report what that led to.
    environment.signal?.throwIfAborted();
    throw error;
  } finally {
    await pool.close();
  }
}

/** Runs `work` with a client for registries, which is loaded for a build that may ask or tell one something. */
async function withRegistry<T>(
  plan: BuildPlan,
  warn: (message: string) => void,
  work: (registry: Registry | undefined) => Promise<T>,
): Promise<T> {
  if (plan.from === undefined && plan.exporterOptions.push === undefined) return await work(undefined);
  const { withUploads } = await import("./registry-client.ts");
  return await withUploads({ insecure: plan.insecure, store: plan.namedImages, warn }, work);
}

/** Files and directories that the build writes, besides a store. */
function filesOf({ output: { dest }, metadataFile, iidfile }: BuildPlan): readonly string[] {
  return [dest === "-" ? undefined : dest, metadataFile, iidfile].filter((file) => file !== undefined);
}

/** What a build uses that it did not make. */
interface BuildHelp {
  readonly cache: BuildCache | undefined;
  readonly pool: CompressPool;
  readonly registry: Registry | undefined;
}

async function buildIn(
  stores: BuildStores,
  { cache, pool, registry }: BuildHelp,
  plan: BuildPlan,
  environment: BuildEnvironment,
): Promise<BuildResult> {
  const { signal, onProgress, warn, note } = environment;
  const outputs = [...filesOf(plan), plan.store, plan.cache?.directory].filter((path) => path !== undefined);
  const filter = await withoutOutputs(plan.directory, outputs, await readIgnoreFile(plan.directory), (output) =>
    warn(`${output} is what this build writes, and is left out of the image; name it in .dockerignore`),
  );
  const places = { store: plan.namedImages, registry, note, verifyFirst: true };
  const base = plan.from && (await (await import("./open-source.ts")).openSource(plan.from, places));
  try {
    // Files are read where they are; only layers and documents are written.
    const content = withReferences(stores.content, { hasher: nodeHasher });
    const snapshots = createSnapshotter({ content, hasher: nodeHasher, sources: "reference" });
    // Without its records nothing is found made.
    const metadata = plan.cache === undefined ? undefined : stores.metadata;
    // A store that vanishes with the build has nothing from earlier times, and keeps nothing for later ones.
    const blockCache = plan.store === undefined && cache === undefined ? false : undefined;
    const exporter = createExporter({
      ...stores,
      metadata,
      blockCache,
      content,
      snapshots,
      pusher: registry,
      hasher: nodeHasher,
      compressPool: pool,
    });
    let files = { files: 0, unread: 0 };
    const from = await base?.source.resolve({ signal, onProgress });
    const image = await build({
      content,
      snapshots,
      exporter,
      hasher: nodeHasher,
      from,
      link: plan.link,
      platform: await platformsFor(plan, from, signal),
      config: plan.config,
      options: {
        ...plan.exporterOptions,
        onWarning: (message: string) => warn(message.replace("link=false", "--no-link")),
      },
      fill: async (work, operation) => {
        files = await addDirectory(work, plan.directory, {
          ...operation,
          statCache: cache?.metadata,
          dest: plan.dest,
          filter,
          preserveOwner: plan.preserveOwner,
          preserveMtime: plan.preserveMtime,
          xattrs: plan.xattrs,
          onWarning: warn,
        });
      },
      signal,
      onProgress,
    });
    const { dest, directory } = plan.output;
    const isWritten = dest !== undefined && !directory;
    const fileSize = isWritten
      ? await (await import("./build-output.ts")).writeOutput(image, dest, plan, environment)
      : undefined;
    await writeNotes(image, plan, signal);
    return { image, fileSize, files };
  } finally {
    await base?.close();
  }
}

/** Those that were asked for; or the base's, if it is for one only; or this machine's. */
async function platformsFor(
  plan: BuildPlan,
  base: SourceImage | undefined,
  signal: AbortSignal | undefined,
): Promise<readonly Platform[] | undefined> {
  if (plan.platforms.length > 0) return plan.platforms;
  if (base === undefined) return [linuxPlatform()];
  if (!isIndex(base.descriptor.mediaType)) return undefined;
  // What the index says of its manifests is enough, unless it does not say it.
  const include = ({ platform, mediaType }: Descriptor): boolean => platform === undefined || isIndex(mediaType);
  const { manifests, excluded } = await readGraph(base.content, base.descriptor, { signal, include });
  const known = [...manifests, ...excluded].filter(
    ({ platform }) => platform !== undefined && platform.os !== "unknown",
  );
  return known.length === 1 ? undefined : [linuxPlatform()];
}

async function writeNotes(image: ExportedImage, plan: BuildPlan, signal: AbortSignal | undefined): Promise<void> {
  const text = new TextEncoder();
  if (plan.metadataFile !== undefined) {
    const metadata: Record<string, unknown> = { ...image.response };
    // As buildx writes it: what the exporter answers in base64 is the descriptor itself here.
    metadata["containerimage.descriptor"] = image.descriptor;
    const json = `${JSON.stringify(metadata, undefined, 2)}\n`;
    await writeFileAtomically(plan.metadataFile, text.encode(json), { signal });
  }
  if (plan.iidfile !== undefined) await writeFileAtomically(plan.iidfile, text.encode(imageID(image)), { signal });
}

/** The digest by which Docker knows an image: its config's, or the index' of an image for several platforms. */
export function imageID(image: ExportedImage): string {
  return image.configDigest ?? image.digest;
}
