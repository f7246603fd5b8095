import { flattenImage, writeArchive, writeRootfsTar } from "../archive/index.ts";
import type { ExportedImage, ExportedManifest } from "../exporter/index.ts";
import { SlipwayError } from "../index.ts";
import { nodeHasher, type RootfsOmissions, writeFileAtomically, writeRootfs } from "../node/index.ts";
import type { BuildPlan } from "./build-plan.ts";
import type { BuildEnvironment } from "./build-run.ts";
import { printable } from "./format.ts";

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
  const { unsafeSpecial } = plan;
  const omitted = await writeRootfs(tree, image.content, dest, { unsafeSpecial, signal, onProgress, onWarning });
  const parts = omissions(omitted);
  if (parts.length > 0) warn(`left out of ${printable(dest)}: ${parts.join(", ")}; ${remedy(unsafeSpecial)}`);
  return undefined;
}

/** What is not in a directory, by kind. */
function omissions({ devices, setids, owners, xattrs }: RootfsOmissions): readonly string[] {
  const count = (of: number, noun: string): string => `${of} ${noun}${of === 1 ? "" : "s"}`;
  return [
    ...(devices > 0 ? [count(devices, "device node")] : []),
    ...(setids > 0 ? [`the setuid or setgid bits of ${count(setids, "file")}`] : []),
    ...(owners > 0 ? [`the owners of ${count(owners, "file")}`] : []),
    ...(xattrs > 0 ? [`capabilities or other system attributes of ${count(xattrs, "file")}`] : []),
  ];
}

const remedy = (unsafeSpecial: boolean): string =>
  unsafeSpecial
    ? "only root can make them, and not everywhere"
    : "--unsafe-special keeps them, which takes root and trust in the image";

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
