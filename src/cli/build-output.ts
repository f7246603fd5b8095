import { flattenImage, writeArchive, writeRootfsTar } from "../archive/index.ts";
import type { ExportedImage, ExportedManifest } from "../exporter/index.ts";
import { SlipwayError } from "../index.ts";
import { nodeHasher, writeFileAtomically, writeRootfs } from "../node/index.ts";
import type { BuildPlan } from "./build-plan.ts";
import type { BuildEnvironment } from "./build-run.ts";

/**
 * Writes the image to `dest` in the form that was asked for.
 * @returns bytes of the file; undefined if it is a directory
 * @throws SlipwayError `UNSUPPORTED` for a root filesystem of several platforms; what reading the image and writing throw
 */
export async function writeOutput(
  image: ExportedImage,
  dest: string,
  plan: BuildPlan,
  environment: BuildEnvironment,
): Promise<number | undefined> {
  const { type } = plan.output;
  const { signal, onProgress, warn } = environment;
  if (type === "oci" || type === "docker") {
    const format = type === "docker" ? "both" : "oci";
    const names = plan.names.length === 0 ? undefined : plan.names;
    return await writeStream(
      dest,
      writeArchive(image, { format, names, signal, onProgress, onWarning: warn }),
      environment,
    );
  }
  const tree = await flattenImage(image.content, onlyManifest(image).descriptor, {
    hasher: nodeHasher,
    signal,
    onProgress,
  });
  const onWarning = ({ path, message }: { readonly path: string; readonly message: string }): void =>
    warn(`${path}: ${message}`);
  if (type === "tar") {
    return await writeStream(dest, writeRootfsTar(tree, image.content, { signal, onProgress, onWarning }), environment);
  }
  const { preserveOwner } = plan;
  await writeRootfs(tree, image.content, dest, { preserveOwner, signal, onProgress, onWarning });
  return undefined;
}

async function writeStream(
  dest: string,
  source: AsyncIterable<Uint8Array>,
  { stdout, signal }: BuildEnvironment,
): Promise<number> {
  if (dest !== "-") return await writeFileAtomically(dest, source, { signal });
  let size = 0;
  for await (const chunk of source) {
    await stdout.write(chunk);
    size += chunk.byteLength;
  }
  return size;
}

function onlyManifest({ manifests }: ExportedImage): ExportedManifest {
  const [manifest] = manifests;
  if (manifest === undefined || manifests.length > 1) {
    throw new SlipwayError(
      "UNSUPPORTED",
      "Cannot write a root filesystem of several platforms: choose one with --platform",
    );
  }
  return manifest;
}
