import { requestPersistentStorage, storageEstimate } from "slipway/browser";
import { type App, attempt } from "../app.ts";
import { formatBytes } from "../format.ts";
import { deleteEverything } from "../model/stores.ts";
import { confirmLoss } from "./dialog.ts";
import { button, byId, h } from "./dom.ts";
import { tell } from "./notices.ts";

/** How much is stored, whether the browser keeps it, and a way to get rid of it. */
export async function storagePanel(app: App): Promise<void> {
  const used = h("span", { class: "dim" });
  const keep = button("Keep it", () => void attempt("Asking the browser to keep the data", askToKeep));
  keep.title = "Ask the browser not to throw this away when the disk fills up";
  const clear = button("Delete everything…", () => void deleteAll());
  byId("storage").append(used, keep, clear);
  app.stored.add(() => void update());
  app.workspace.subscribe(() => void update());
  await update();

  async function update(): Promise<void> {
    try {
      const { usage, quota, persisted } = await storageEstimate();
      used.textContent = `${formatBytes(usage)} of ${formatBytes(quota)} used${persisted ? ", kept" : ""}`;
      keep.hidden = persisted;
    } catch {
      // The browser does not say; nothing depends on it.
      used.textContent = "";
      keep.hidden = true;
    }
  }

  async function askToKeep(): Promise<void> {
    const kept = await requestPersistentStorage();
    tell(
      kept
        ? "The browser keeps what is stored here until you delete it."
        : "The browser did not agree: if the disk fills up, it may delete what is stored here. Download what you need.",
    );
    await update();
  }

  async function deleteAll(): Promise<void> {
    const question = { title: "Delete everything?", text: "All files, layers, images and settings of the playground." };
    if (!(await confirmLoss(question, "Delete everything"))) return;
    await attempt("Deleting everything", async () => {
      await app.serial.run(() => deleteEverything(app.stores));
      location.reload();
    });
  }
}
