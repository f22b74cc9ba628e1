// The page: it knows the HTTP interface and nothing else of what stands behind it.

import { startHealth } from "./health.js";
import { isQueue, play, startListening } from "./listening.js";
import { start as startSongs } from "./songs.js";
import { startUploads } from "./uploads.js";

startListening();
startSongs(play, isQueue);
startUploads();
startHealth();
