import type { Socket } from 'node:net';

/**
 * Resets a connection (RST). One whose end is on its way is closed instead: libuv refuses to reset it (`uv_tcp_close_reset`), and Node
 * then keeps its handle for ever, so that the process cannot end.
 */
export function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
