import { type App, attempt, tidy } from "../app.ts";
import { describeError, formatBytes, shortDigest } from "../format.ts";
import { deleteStoredImage, listStoredImages, openStoredImage, type StoredImage } from "../model/images.ts";
import type { BuildPanel } from "./build-panel.ts";
import { confirmLoss } from "./dialog.ts";
import { button, byId, columnHead, h } from "./dom.ts";
import { tell } from "./notices.ts";

/** The images that are stored, also from earlier visits. */
export async function imagesPanel(app: App, panel: BuildPanel): Promise<void> {
  const container = byId("images");
  app.stored.add(() => void attempt("Listing the images", list));
  await list();

  async function list(): Promise<void> {
    const images = await listStoredImages(app.stores);
    const rows = await Promise.all(images.map((image) => row(image)));
    if (images.length === 0) {
      container.replaceChildren(
        h("p", { class: "dim" }, "None yet. What you build stays here, also when the page is closed."),
      );
      return;
    }
    const heads = ["Name", "Digest", "Size", "Actions"].map((text) => columnHead(text));
    container.replaceChildren(
      h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, ...heads)), h("tbody", {}, ...rows))),
    );
  }

  async function row(image: StoredImage): Promise<HTMLElement> {
    const { names, descriptor } = image;
    const name = names.join(", ");
    let size: string;
    try {
      size = formatBytes((await openStoredImage(app.stores.content, image)).size);
    } catch (error) {
      size = `damaged: ${describeError(error)}`;
    }
    return h(
      "tr",
      { "data-image": name },
      h("th", { scope: "row" }, name),
      h("td", {}, h("code", { title: descriptor.digest }, shortDigest(descriptor.digest))),
      h("td", { class: "size" }, size),
      h(
        "td",
        { class: "tools end" },
        button("Open", () => void attempt(`Opening ${name}`, () => panel.open(image)), {
          "aria-label": `Open ${name}`,
        }),
        button("Delete…", () => void remove(image, name), { "aria-label": `Delete ${name}` }),
      ),
    );
  }

  async function remove(image: StoredImage, name: string): Promise<void> {
    const question = { title: `Delete ${name}?`, text: "Your files and layers stay; the image can be built again." };
    if (!(await confirmLoss(question, "Delete"))) return;
    await attempt(`Deleting ${name}`, async () => {
      await deleteStoredImage(app.stores, image);
      panel.close(image.descriptor.digest);
      tell(`${name} is deleted; ${formatBytes(await tidy(app))} are free again.`);
    });
  }
}
