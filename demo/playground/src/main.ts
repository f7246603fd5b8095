import { type App, attempt } from "./app.ts";
import { removeLeftovers } from "./model/garbage.ts";
import { becomeOnlyPage } from "./model/only-page.ts";
import { Serial } from "./model/serial.ts";
import { loadSettings } from "./model/settings.ts";
import { openStores } from "./model/stores.ts";
import { Workspace } from "./model/workspace.ts";
import { basePanel } from "./views/base-panel.ts";
import { buildPanel } from "./views/build-panel.ts";
import { byId } from "./views/dom.ts";
import { filesPanel } from "./views/files-panel.ts";
import { imagesPanel } from "./views/images-panel.ts";
import { layersPanel } from "./views/layers-panel.ts";
import { tellError, tellUntil } from "./views/notices.ts";
import { settingsForm } from "./views/settings-form.ts";
import { storagePanel } from "./views/storage-panel.ts";

async function start(): Promise<void> {
  const alone = await becomeOnlyPage(() =>
    tellUntil("The playground is open in another tab. Close that one, and this one goes on by itself."),
  );
  const stores = await openStores((reason) => tellError("Using the storage", lostStorage(reason)));
  const serial = new Serial();
  const workspace = await Workspace.open(stores, serial);
  if (alone) await attempt("Tidying up", () => removeLeftovers(stores, workspace.snapshots));
  const app: App = { stores, alone, workspace, serial, flush: { editor: async () => undefined }, stored: new Set() };
  filesPanel(app);
  layersPanel(app);
  const settings = settingsForm(app, await loadSettings(stores.metadata));
  await basePanel(app, settings);
  const panel = buildPanel(app, settings);
  await imagesPanel(app, panel);
  await storagePanel(app);
  byId("main").hidden = false;
}

const lostStorage = (reason: string): Error => new Error(`The stored data was ${reason} elsewhere; reload this page`);

start().catch((error: unknown) => tellError("Opening the playground", error));
