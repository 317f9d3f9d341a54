// Stock rp2040js, and rp2350js, say at every look that the sender's FIFO has room (UARTTXINTR of UARTRIS), even right after UARTICR took it away.
// MicroPython's UART(...) asks for that interrupt and would serve it for ever. On the chip it comes of a byte that has left.
export function mendUart(uart, mcu) {
  const write = uart.writeUint32.bind(uart);
  uart.checkInterrupts = () => mcu.setInterrupt(uart.irq, !!(uart.interruptStatus & uart.interruptMask));
  uart.writeUint32 = (offset, value) => {
    write(offset, value);
    if (offset === 0) { uart.interruptStatus |= 1 << 5; uart.checkInterrupts(); }
  };
}
