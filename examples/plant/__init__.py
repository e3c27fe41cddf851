"""Replay plants: real OPC UA and Modbus servers fed with a site's recording."""
