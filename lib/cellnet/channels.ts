/** Where cells speak of themselves. Source: `CellChannel` of `nvflare/fuel/f3/cellnet/defs.py`. */
export const CELL_CHANNEL = 'cellnet.channel';

/** Where NVFlare's cells tell of themselves. Source: `nvflare/fuel/f3/cellnet/net_agent.py`. */
export const DIAGNOSTICS_CHANNEL = '_net_manager';

/** The channel of replies to requests that came as streams. Source: `nvflare/fuel/f3/cellnet/cell.py`. */
export const REPLY_CHANNEL = 'return_only';
