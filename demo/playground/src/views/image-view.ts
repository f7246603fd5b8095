import type { ImageManifest } from "slipway";
import { formatPlatform } from "slipway/oci";
import { formatBytes, shortDigest } from "../format.ts";
import { archiveName, dockerCommands } from "../model/archive.ts";
import type { ImageDocument, OpenedImage } from "../model/images.ts";
import { copyButton } from "./copy-button.ts";
import { columnHead, h } from "./dom.ts";
import { jsonView } from "./json-view.ts";

/** An image: digest, layers, documents, and how Docker gets it. @param outlets the controls that bring it elsewhere */
export function imageView(image: OpenedImage, outlets: HTMLElement): HTMLElement {
  const { descriptor, names, manifests, size, documents } = image;
  return h(
    "article",
    { class: "image", "aria-label": names[0] ?? descriptor.digest },
    h("h3", {}, names.join(", ")),
    h(
      "dl",
      { class: "facts" },
      h("dt", {}, "Digest"),
      h(
        "dd",
        {},
        h("code", { class: "digest", "data-field": "digest" }, descriptor.digest),
        copyButton(descriptor.digest, "Copy the digest"),
      ),
      ...manifests.flatMap(({ config, platform }) => [
        h("dt", {}, manifests.length === 1 ? "Image ID" : `Image ID, ${platform ? formatPlatform(platform) : "?"}`),
        h("dd", {}, h("code", { class: "digest" }, config.digest)),
      ]),
      h("dt", {}, "Size"),
      h("dd", {}, formatBytes(size)),
    ),
    outlets,
    h(
      "div",
      { class: "commands" },
      ...dockerCommands(archiveName(image), image).map((command) =>
        h("p", {}, h("code", {}, command), copyButton(command, `Copy: ${command}`)),
      ),
    ),
    ...manifests.map((manifest) => layerTable(manifest, manifests.length > 1)),
    ...documents.map((document) => documentView(document)),
  );
}

function layerTable({ layers, diffIDs, platform }: ImageManifest, several: boolean): HTMLElement {
  const title = several && platform !== undefined ? `Layers for ${formatPlatform(platform)}` : "Layers";
  const cell = (text: string): HTMLElement => h("td", {}, h("code", { title: text }, shortDigest(text)));
  return h(
    "div",
    { class: "scroll" },
    h(
      "table",
      {},
      h("caption", {}, title),
      h("thead", {}, h("tr", {}, ...["#", "Digest", "diffID", "Size"].map((text) => columnHead(text)))),
      h(
        "tbody",
        {},
        ...layers.map(({ digest, size }, index) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, String(index + 1)),
            cell(digest),
            cell(diffIDs?.[index] ?? ""),
            h("td", { class: "size" }, formatBytes(size)),
          ),
        ),
      ),
    ),
  );
}

function documentView({ title, descriptor, text }: ImageDocument): HTMLElement {
  const about = `${shortDigest(descriptor.digest)}, ${formatBytes(descriptor.size)}`;
  return h(
    "details",
    {},
    h("summary", {}, h("strong", {}, title), h("span", { class: "dim" }, about)),
    jsonView(text, title),
  );
}
