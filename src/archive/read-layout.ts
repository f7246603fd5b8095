import { isSlipwayError } from "../errors.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { parseIndex } from "../oci/image-index.ts";
import { parseJson } from "../oci/json/parse.ts";
import { isJsonMap } from "../oci/json/value.ts";
import { invalid } from "./archive-files.ts";
import { isElsewhere } from "./copy.ts";
import { type ImageGraph, type ImageManifest, readGraph } from "./graph.ts";
import { indexedImages, OCI_INDEX_FILE, OCI_LAYOUT_FILE, OCI_LAYOUT_VERSION } from "./index-entries.ts";
import type { LayoutContext } from "./read.ts";
import { type ArchivedImage, archivedImage } from "./resolve.ts";

/** The images of an OCI layout. */
export async function readLayoutImages(context: LayoutContext): Promise<readonly ArchivedImage[]> {
  const { files } = context;
  checkOciLayout(files.document(OCI_LAYOUT_FILE) ?? new Uint8Array());
  const bytes = files.document(OCI_INDEX_FILE);
  if (bytes === undefined) throw invalid(`it has ${OCI_LAYOUT_FILE}, but no ${OCI_INDEX_FILE}`);
  const images: ArchivedImage[] = [];
  for (const indexed of indexedImages(parseIndex(bytes, OCI_INDEX_FILE))) {
    const graph = await readArchivedGraph(context, indexed.descriptor);
    const manifests = graph.manifests.filter((manifest) => isComplete(context, manifest));
    if (manifests.length === 0 && graph.excluded.length > 0) {
      throw invalid(`none of the manifests of index ${indexed.descriptor.digest} is in it`);
    }
    for (const { digest } of [...graph.documents, ...graph.layers]) context.used.add(digest);
    images.push(archivedImage(indexed, manifests));
  }
  return images;
}

/** @throws SlipwayError `INVALID_ARCHIVE` for a version that is not known */
function checkOciLayout(bytes: Uint8Array): void {
  const layout = parseJson(bytes, OCI_LAYOUT_FILE);
  const version = isJsonMap(layout) ? layout.get("imageLayoutVersion") : undefined;
  if (version === OCI_LAYOUT_VERSION) return;
  const shown = typeof version === "string" ? JSON.stringify(version) : "missing";
  throw invalid(`imageLayoutVersion in ${OCI_LAYOUT_FILE} is ${shown}, and only ${OCI_LAYOUT_VERSION} is known`);
}

/** An archive is judged by itself: what it lacks is missing even if the store happens to have it. */
async function readArchivedGraph(context: LayoutContext, root: Descriptor): Promise<ImageGraph> {
  const { content, files, options } = context;
  const include = ({ digest }: Descriptor): boolean => {
    if (files.has(digest)) return true;
    if (options.allowMissingPlatforms) return false;
    throw missing(digest, "; allowMissingPlatforms takes it without");
  };
  if (!files.has(root.digest)) throw missing(root.digest);
  try {
    return await readGraph(content, root, { include, signal: options.signal });
  } catch (error) {
    if (isSlipwayError(error, "NOT_FOUND")) throw invalid(`a blob that ${root.digest} needs is not in it`, error);
    throw error;
  }
}

function isComplete({ files, options }: LayoutContext, { config, layers }: ImageManifest): boolean {
  const absent = [config, ...layers].find((blob) => !files.has(blob.digest) && !isElsewhere(blob));
  if (absent === undefined) return true;
  if (options.allowMissingPlatforms) return false;
  throw missing(absent.digest);
}

const missing = (digest: string, hint = "") => invalid(`blob ${digest} is not in it${hint}`);
