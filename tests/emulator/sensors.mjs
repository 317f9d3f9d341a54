// The rig's sensors on the emulated Pico: AS5600 encoder and MPRLS pressure sensor on I2C0, the supply on ADC0.
// Rules: the encoder follows the step pin's edges; any other address is not acknowledged, as on an empty bus.
// Callers: serve.mjs. Units: raw counts; 3200 steps and 4096 counts a revolution.
const ENCODER = 0x36, PRESSURE = 0x18;
const ATMOSPHERE_COUNTS = 1677722 + Math.round(101325 * 13421772 / 172369);
const SUPPLY_COUNTS = Math.round(1.2 / 3.3 * 4095);                    // 12 V through 10:1

export function attachSensors(chip) {
  const i2c = chip.mcu.i2c[0];
  let address = 0, answer = [];
  chip.mcu.adc.channelValues[0] = SUPPLY_COUNTS;
  i2c.onStart = () => i2c.completeStart();
  i2c.onStop = () => i2c.completeStop();
  i2c.onConnect = (asked, mode) => {
    address = asked;
    if (mode === 1) answer = reading(chip, address);
    i2c.completeConnect(address === ENCODER || address === PRESSURE);
  };
  i2c.onWriteByte = () => i2c.completeWrite(true);
  i2c.onReadByte = () => i2c.completeRead(answer.length ? answer.shift() : 0xff);
}

function reading(chip, address) {
  if (address === ENCODER) {
    const angle = Math.floor(chip.edges.length * 4096 / 3200) % 4096;
    return [angle >> 8, angle & 0xff];
  }
  return [0x40, ATMOSPHERE_COUNTS >> 16, ATMOSPHERE_COUNTS >> 8 & 0xff, ATMOSPHERE_COUNTS & 0xff];
}
