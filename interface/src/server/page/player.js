// The page: it knows the HTTP interface and nothing else of what stands behind it.

import { askHealth, startHealth } from "./health.js";
import { goOn, isQueue, play, startListening } from "./listening.js";
import { startSession } from "./session.js";
import { isFilled, search, start as startSongs } from "./songs.js";
import { startUploads } from "./uploads.js";

startListening();
startSongs(play, isQueue);
startUploads();
const mayAsk = await startSession(() => {
  if (!isFilled()) search();
  goOn();
  askHealth();
});
if (mayAsk) search();
startHealth();
