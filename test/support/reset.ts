import type { Socket } from 'node:net';

/**
 * Resets a connection (RST). A connection that is already ending is closed instead: libuv refuses to reset it
 * (`uv_tcp_close_reset`), and Node then keeps its handle for ever, so the process could not end.
 */
export function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
