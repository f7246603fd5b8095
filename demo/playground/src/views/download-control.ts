import type { ArchiveFormat } from "slipway";
import { type App, attempt } from "../app.ts";
import { downloadArchive } from "../model/archive.ts";
import type { StoredImage } from "../model/images.ts";
import { button, h } from "./dom.ts";
import { tell } from "./notices.ts";
import { ProgressList } from "./progress-list.ts";

const FORMATS: Readonly<Record<ArchiveFormat, string>> = {
  both: "for Docker and OCI tools",
  oci: "OCI layout alone",
  docker: "Docker's old format",
};

/** The button that downloads an image's archive, with its format and how far it is. */
export function downloadControl(app: App, image: StoredImage): HTMLElement {
  const format = h(
    "select",
    { "aria-label": "Kind of archive" },
    ...Object.entries(FORMATS).map(([value, label]) => h("option", { value }, label)),
  );
  const progress = new ProgressList(() => undefined);
  const start = button("Download archive", () => void download(), { class: "primary" });
  return h("div", { class: "download" }, h("div", { class: "tools" }, start, format), progress.element);

  async function download(): Promise<void> {
    start.disabled = true;
    progress.clear();
    await attempt("Writing the archive", async () => {
      const saved = await downloadArchive(app.stores.content, image, format.value as ArchiveFormat, {
        onProgress: (event) => progress.show(event),
        onWarning: tell,
      });
      if (saved !== undefined) tell(`${saved} is written.`);
    });
    start.disabled = false;
  }
}
